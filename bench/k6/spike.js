/** Ten times the rate all at once, and back. Every request is answered: accepted, or refused with the time after which to
 *  try again. Afterwards the answers come as quickly as before, the stages catch up, and what was accepted was delivered.
 *
 *  RATE: before and after, in requests a second, 50 unless said. DURATION: 60s, of which 40 % are the spike. VUS: users at
 *  most, of which each waits for one answer. P95: bound of the answers before and after, in ms; ENDED_P99: from accepted
 *  to ended. DRAIN: 30s to catch up. */
import { check } from 'k6'
import exec from 'k6/execution'
import http from 'k6/http'
import { Counter } from 'k6/metrics'
import {
  afterwardsThresholds,
  countAccepted,
  lagScenario,
  settle,
  spread,
  teardownTimeout as teardownMost,
  watchLagFor,
} from './afterwards.js'
import { ask, beginRun, seconds, told, usersFor, wholeNumber } from './carillon.js'
import { summary, summaryTrendStats } from './summary.js'

const rate = wholeNumber('RATE', 50, 1000)
const peak = 10 * rate
const duration = seconds('DURATION', '60s')
const p95 = wholeNumber('P95', 200, 60_000)

/** Shares of the duration. `back` is for the queue of the spike to go; it is not measured. */
const phases = [
  { name: 'before', share: 0.2, target: rate },
  { name: 'spike', share: 0.05, target: peak },
  { name: 'spike', share: 0.3, target: peak },
  { name: 'spike', share: 0.05, target: rate },
  { name: 'back', share: 0.15, target: rate },
  { name: 'after', share: 0.25, target: rate },
]
const recipients = spread(duration * (0.6 * rate + 0.4 * peak))

const refused = new Counter('requests_refused')
const answers = http.expectedStatuses(202, 429, 503)

export const options = {
  scenarios: {
    load: {
      ...{ executor: 'ramping-arrival-rate', exec: 'postOne', startRate: rate, timeUnit: '1s' },
      stages: phases.map(({ share, target }) => ({ target, duration: `${Math.round(share * duration * 1000)}ms` })),
      ...usersFor(peak),
    },
    lag: lagScenario(duration),
  },
  thresholds: {
    ...afterwardsThresholds(30_000),
    dropped_iterations: ['count==0'],
    http_req_failed: ['rate==0'],
    'http_req_duration{phase:before}': [`p(95)<${p95}`],
    // No bound, but to be seen in the summary.
    'http_req_duration{phase:spike}': ['max>=0'],
    'http_req_duration{phase:after}': [`p(95)<${p95}`],
    'requests_refused{phase:after}': ['count==0'],
  },
  summaryTrendStats,
  teardownTimeout: teardownMost,
}

export const setup = beginRun

export function postOne(run) {
  const number = exec.scenario.iterationInTest
  const { recipient, isLookedUp } = recipients.to(run, number)
  const phase = phaseAt((Date.now() - exec.scenario.startTime) / 1000 / duration)
  const body = { to: recipient, content: { body: `Spike ${run}, number ${number}` } }
  const answer = ask('POST', '/v1/notifications', { body, expected: answers, tags: { phase } })
  const isAccepted = answer.status === 202 && told(answer, 'id') !== null
  const isRefused = answer.status === 429 || answer.status === 503
  check(answer, {
    'is accepted, with an id, or refused with Retry-After': () =>
      isAccepted || (isRefused && Number(answer.headers['Retry-After']) > 0),
  })
  if (isAccepted) countAccepted(isLookedUp)
  if (isRefused) refused.add(1, { phase })
}

/** `passed`: the part of the duration that has passed. */
function phaseAt(passed) {
  let end = 0
  for (const { name, share } of phases) {
    end += share
    if (passed < end) return name
  }
  return 'after'
}

export const watchLag = () => watchLagFor(duration)

export const teardown = (run) => settle(recipients.lookedUp(run))

export const handleSummary = summary
