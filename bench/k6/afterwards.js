/** What an answer of 202 does not tell: how far the stages are behind during a load, how long they take to catch up after
 *  it, and whether what was accepted was delivered. */
import { check, sleep } from 'k6'
import exec from 'k6/execution'
import { Counter, Trend } from 'k6/metrics'
import { ask, seconds, told, wholeNumber } from './carillon.js'

const lookEveryS = 0.5
const drainEveryS = 0.1
/** Of a run; of more than these every nth is looked up. */
const lookedUpMost = 10_000
const recipients = 100
const pageSize = 200
/** For looking up, besides waiting for what has not ended. */
const lookUpMostMs = 120_000

const drainMostS = seconds('DRAIN', '30s')

const accepted = new Counter('notifications_accepted')
/** Counts up with what is to be looked up, and down with what was found delivered: users of k6 share nothing else. */
const undelivered = new Counter('notifications_undelivered')
const endedAfter = new Trend('notification_ended_after', true)
const lag = new Trend('lag_records')
const drained = new Counter('pipeline_drained')
const drainTime = new Trend('pipeline_drain_time', true)

/** What must hold at the end of a run, not only of its answers. `endedP99Ms`: from accepted to ended, unless told
 *  otherwise. */
export const afterwardsThresholds = (endedP99Ms) => ({
  checks: ['rate==1'],
  // A run in which nothing was accepted shows nothing.
  notifications_accepted: ['count>0'],
  notifications_undelivered: ['count==0'],
  notification_ended_after: [`p(99)<${wholeNumber('ENDED_P99', endedP99Ms, 3_600_000)}`],
  pipeline_drained: ['count==1'],
})

/** For k6 to wait so long. */
export const teardownTimeout = `${drainMostS + lookUpMostMs / 1000 + 30}s`

/** Of a run that is about to send `expected` notifications: to whom each goes, and whether it will be looked up. */
export function spread(expected) {
  const every = Math.ceil(expected / lookedUpMost)
  return {
    to(run, number) {
      const isLookedUp = number % every === 0
      const recipient = `k6-${run}-${isLookedUp ? 'seen' : 'other'}-${Math.floor(number / every) % recipients}`
      return { recipient, isLookedUp }
    },
    lookedUp: (run) => Array.from({ length: recipients }, (_, index) => `k6-${run}-seen-${index}`),
  }
}

/** Of one that was accepted. */
export function countAccepted(isLookedUp) {
  accepted.add(1)
  if (isLookedUp) undelivered.add(1)
}

/** A scenario beside the load that asks for the lag; the script exports `watchLag`. */
export const lagScenario = (durationS) => ({
  ...{ executor: 'per-vu-iterations', vus: 1, iterations: 1, exec: 'watchLag' },
  maxDuration: `${durationS + 30}s`,
})

export function watchLagFor(durationS) {
  const endMs = exec.scenario.startTime + durationS * 1000
  do {
    lagNow()
    sleep(lookEveryS)
  } while (Date.now() < endMs)
}

/** Waits until no stage is behind, then looks up what went to `recipients`. To be called when the load has ended. */
export function settle(recipientsSeen) {
  const startMs = Date.now()
  const deadlineMs = startMs + drainMostS * 1000
  let behind = lagNow()
  while (behind !== 0 && Date.now() < deadlineMs) {
    sleep(drainEveryS)
    behind = lagNow()
  }
  drainTime.add(Date.now() - startMs)
  if (behind === 0) drained.add(1)
  for (const recipient of recipientsSeen) lookUp(recipient, deadlineMs, startMs + drainMostS * 1000 + lookUpMostMs)
}

/** Records that wait before any stage; null where that is not told. */
function lagNow() {
  const answer = ask('GET', '/v1/flow')
  const stages = answer.status === 200 ? told(answer, 'stages') : null
  check(stages, { 'tells its lag': (known) => known !== null })
  if (stages === null) return null
  const records = stages.flatMap((stage) => Object.values(stage.lag)).reduce((sum, count) => sum + count, 0)
  lag.add(records)
  return records
}

/** Waits until `deadlineMs` for those that have not ended; gives up at `latestMs`. */
function lookUp(recipient, deadlineMs, latestMs) {
  let all = notificationsOf(recipient, latestMs)
  while (all.some(({ status }) => isUnderWay(status)) && Date.now() < deadlineMs) {
    sleep(drainEveryS)
    all = notificationsOf(recipient, latestMs)
  }
  const delivered = all.filter(({ status }) => status === 'delivered')
  undelivered.add(-new Set(delivered.map(({ id }) => id)).size)
  for (const { createdAt, updatedAt } of delivered) endedAfter.add(Date.parse(updatedAt) - Date.parse(createdAt))
}

const isUnderWay = (status) => status === 'accepted' || status === 'scheduled' || status === 'processing'

function notificationsOf(recipient, latestMs) {
  const all = []
  let cursor = null
  do {
    const query = `recipient=${recipient}&limit=${pageSize}${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`
    const answer = ask('GET', `/v1/notifications?${query}`, { route: '/v1/notifications' })
    const isListed = check(answer, { 'lists what was accepted': ({ status }) => status === 200 })
    const page = isListed ? answer.json() : { data: [], nextCursor: null }
    all.push(...page.data)
    cursor = page.nextCursor
  } while (cursor !== null && Date.now() < latestMs)
  return all
}
