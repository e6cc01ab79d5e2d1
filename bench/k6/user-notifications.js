/** Contract B's load test: ten users who post as fast as they are answered. Each post has a description of its own, so
 *  that every one that is accepted is a notification of its own and not a duplicate; each was delivered in the end.
 *
 *  DURATION: how long, 30s unless said. ENDED_P99: from accepted to ended, in ms. DRAIN: 30s to catch up. */
import { check } from 'k6'
import http from 'k6/http'
import { Counter } from 'k6/metrics'
import {
  afterwardsThresholds,
  countAccepted,
  lagScenario,
  settle,
  teardownTimeout as teardownMost,
  watchLagFor,
} from './afterwards.js'
import { ask, beginRun, seconds, told, wholeNumber } from './carillon.js'
import { summary, summaryTrendStats } from './summary.js'

const users = 10
const duration = seconds('DURATION', '30s')
/** Of a user; from then on the user posts under another id, which is not looked up. */
const lookedUpMost = 1000
/** For the users of a run, of which k6 gives the one that asks for the lag a number too. */
const numbersKept = 50

const refused = new Counter('notifications_refused')
// The limit's answer is one that the contract has.
const answers = http.expectedStatuses(200, 429)

export const options = {
  scenarios: {
    load: { executor: 'constant-vus', vus: users, duration: `${duration}s`, exec: 'postOne' },
    lag: lagScenario(duration),
  },
  thresholds: {
    ...afterwardsThresholds(5000),
    http_req_failed: ['rate==0'],
    'http_req_duration{scenario:load}': [`p(95)<${wholeNumber('P95', 500, 60_000)}`],
  },
  summaryTrendStats,
  teardownTimeout: teardownMost,
}

/** Contract B's users are numbers: those of a run begin with `first`, apart from those of another. */
export function setup() {
  const run = beginRun()
  return { run, first: 2 ** 32 + Math.floor(Math.random() * 2 ** 32) * 2 * numbersKept }
}

/** What each user does again and again. */
export function postOne({ run, first }) {
  const isLookedUp = __ITER < lookedUpMost
  const user = first + __VU + (isLookedUp ? 0 : numbersKept)
  const body = { user_id: [user], type: 'inapp', description: `Load test ${run}, user ${__VU}, number ${__ITER}` }
  const answer = ask('POST', '/user/notification', { body, expected: answers })
  const status = answer.status === 200 ? told(answer, 'results.0.status') : null
  check(answer, {
    'is 200 or 429': () => answer.status === 200 || answer.status === 429,
    'is accepted, where it is 200': () => answer.status !== 200 || status === 'accepted',
    'says when to try again, where it is refused': () =>
      answer.status !== 429 || Number(answer.headers['Retry-After']) > 0,
  })
  if (status === 'accepted') countAccepted(isLookedUp)
  if (answer.status === 429) refused.add(1)
}

export const watchLag = () => watchLagFor(duration)

export const teardown = ({ first }) => settle(Array.from({ length: numbersKept }, (_, index) => String(first + index)))

export const handleSummary = summary
