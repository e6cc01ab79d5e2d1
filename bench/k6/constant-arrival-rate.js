/** A steady rate, whatever the answers take: users who waited for an answer before they send again would spare a slow
 *  Carillon. Latency counts from the time at which a request was to be sent. Then the stages must catch up, and what was
 *  accepted must have been delivered.
 *
 *  RATE: requests a second, 200 unless said. DURATION: 30s. VUS: users at most, of which each waits for one answer.
 *  P95, P99: bounds of the answers, in ms; ENDED_P99: from accepted to ended. DRAIN: 30s to catch up. */
import { check } from 'k6'
import exec from 'k6/execution'
import { Trend } from 'k6/metrics'
import {
  afterwardsThresholds,
  countAccepted,
  lagScenario,
  settle,
  spread,
  teardownTimeout as teardownMost,
  watchLagFor,
} from './afterwards.js'
import { accepted, ask, beginRun, seconds, told, usersFor, wholeNumber } from './carillon.js'
import { summary, summaryTrendStats } from './summary.js'

const rate = wholeNumber('RATE', 200, 10_000)
const duration = seconds('DURATION', '30s')
const recipients = spread(rate * duration)

const fromIntended = new Trend('accepted_from_intended', true)

export const options = {
  scenarios: {
    load: {
      ...{ executor: 'constant-arrival-rate', exec: 'postOne', rate, timeUnit: '1s', duration: `${duration}s` },
      ...usersFor(rate),
    },
    lag: lagScenario(duration),
  },
  thresholds: {
    ...afterwardsThresholds(5000),
    dropped_iterations: ['count==0'],
    http_req_failed: ['rate==0'],
    accepted_from_intended: [`p(95)<${wholeNumber('P95', 200, 60_000)}`, `p(99)<${wholeNumber('P99', 500, 60_000)}`],
  },
  summaryTrendStats,
  teardownTimeout: teardownMost,
}

export const setup = beginRun

export function postOne(run) {
  const number = exec.scenario.iterationInTest
  const { recipient, isLookedUp } = recipients.to(run, number)
  const body = { to: recipient, content: { body: `Steady load ${run}, number ${number}` } }
  const answer = ask('POST', '/v1/notifications', { body, expected: accepted })
  fromIntended.add(Date.now() - exec.scenario.startTime - (number * 1000) / rate)
  const isAccepted = check(answer, {
    'is accepted, with an id': ({ status }) => status === 202 && told(answer, 'id') !== null,
  })
  if (isAccepted) countAccepted(isLookedUp)
}

export const watchLag = () => watchLagFor(duration)

export const teardown = (run) => settle(recipients.lookedUp(run))

export const handleSummary = summary
