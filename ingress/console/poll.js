/** Asks again and again, as long as somebody looks. One line on the page tells of trouble, whoever has it.
 *
 *  Invariant: a poll has at most one request under way and one timer set; a hidden page has neither. */

/** The longest pause between two tries, in milliseconds. */
const longestPauseMs = 30_000

/** What a task returns to be asked no more. */
export const finished = Symbol('finished')

const polls = new Set()
const troubles = new Map()

/** Runs `task(signal)` now and `intervalMs` after each end; after failures it waits longer each time. */
export function poll(task, intervalMs) {
  let timer
  let controller
  let failures = 0
  const self = { now, stop, halt }

  async function now() {
    halt()
    if (document.hidden || !polls.has(self)) return
    const own = new AbortController()
    controller = own
    try {
      const outcome = await task(own.signal)
      if (own.signal.aborted) return
      failures = 0
      clearTrouble(self)
      if (outcome === finished) stop()
      else timer = setTimeout(now, intervalMs)
    } catch (error) {
      if (own.signal.aborted) return
      failures += 1
      // Without the key nothing gets better by itself: `resume` comes when there is one.
      if (error.status === 401) return clearTrouble(self)
      tell(self, error)
      timer = setTimeout(now, pauseMs(intervalMs, failures, error.retryAfterMs))
    }
  }

  function halt() {
    clearTimeout(timer)
    controller?.abort()
  }

  function stop() {
    halt()
    polls.delete(self)
    clearTrouble(self)
  }

  polls.add(self)
  void now()
  return self
}

/** Lets every poll ask at once. */
export function resume() {
  for (const each of polls) void each.now()
}

document.addEventListener('visibilitychange', () => {
  if (!document.hidden) return resume()
  for (const each of polls) each.halt()
})

function pauseMs(intervalMs, failures, retryAfterMs) {
  const growing = Math.min(intervalMs * 2 ** failures, longestPauseMs)
  return Math.max(growing * (0.5 + Math.random() / 2), Math.min(retryAfterMs ?? 0, longestPauseMs))
}

function tell(self, error) {
  troubles.set(self, error.message)
  announce()
}

function clearTrouble(self) {
  if (troubles.delete(self)) announce()
}

function announce() {
  const [message] = troubles.values()
  document.dispatchEvent(new CustomEvent('trouble', { detail: message ?? null }))
}
