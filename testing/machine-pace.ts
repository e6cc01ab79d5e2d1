/** How slow this machine is now, beside the one that time-outs under test were chosen on. */
import { seededRandom } from '../pipeline/engine/seeded-random.js'

/** What the work below takes on a quiet core of the machine of bench/results, in milliseconds. */
const usualMs = 1000
const numbers = 100_000_000
const rounds = 20
const maxFactor = 10

/** At least 1, at most 10: by how much longer a fixed piece of work takes here and now than on a quiet machine. Takes a
 *  second or more. A time-out that belongs to what is tested, and is no bound of a wait, is multiplied by it. */
export function machinePace(): number {
  const startMs = performance.now()
  const random = seededRandom(1)
  let sum = 0
  for (let round = 0; round < rounds; round++) for (let count = 0; count < numbers / rounds; count++) sum += random()
  const tookMs = performance.now() - startMs
  // The sum keeps the work from being left out.
  return sum === 0 ? maxFactor : Math.min(maxFactor, Math.max(1, tookMs / usualMs))
}
