/** A load that a test stops and lets go on: it says when it sends what counts, and at the end how late that was. The
 *  subject calls its provider at once, so that nothing is late but by the stop. */
import { latenciesOf, runLoad } from '../../bench/load.js'
import { inPhase } from '../../bench/load-scenarios.js'
import { monotonicMs } from '../../bench/monotonic-clock.js'
import { deliveryKey } from '../../bench/notifications.js'

const ratePerSecond = 100
const calledAtMs = new Map<string, number>()

const load = await runLoad(
  {
    async send(number) {
      calledAtMs.set(deliveryKey(String(number)), monotonicMs())
      return String(number)
    },
    slow: async () => undefined,
    halt: async () => undefined,
    resume: async () => undefined,
    watch: async () => ({ stop: async () => ({}) }),
    ended: async () => monotonicMs(),
    finish: async () => ({ calledAtMs, tally: { lost: 0, duplicates: 0, places: [] }, rssMiB: 0 }),
  },
  {
    phases: [
      { ratePerSecond, seconds: 0.5 },
      { ratePerSecond, seconds: 4 },
    ],
    begins: async (phase) => {
      if (phase === 1) process.send?.('sending')
    },
  },
)
process.send?.(latenciesOf(inPhase(load, 1)))
process.disconnect()
