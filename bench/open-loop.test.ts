import { fork } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { type Arrival, openLoop } from './open-loop.js'

const sample = fileURLToPath(new URL('../testing/bench/open-loop-sample.js', import.meta.url))
const stoppedMs = 2000

describe('the open loop', () => {
  test('a process that stands still under load does not hide what was to be sent meanwhile', async () => {
    const child = fork(sample)
    const told = (wanted: (message: unknown) => boolean) =>
      new Promise<unknown>((resolve, reject) => {
        child.on('message', (message) => wanted(message) && resolve(message))
        child.once('exit', (code) => reject(new Error(`It ended with ${code}`)))
      })
    const latency = told((message) => typeof message === 'object')
    await told((message) => message === 'sending')
    child.kill('SIGSTOP')
    await delay(stoppedMs)
    child.kill('SIGCONT')
    const { p99 } = (await latency) as { readonly p99: number }
    expect(p99).toBeGreaterThan(0.9 * stoppedMs)
  })

  test('gives each phase its notifications at its own rate, in order, without waiting for answers', async () => {
    const answers: (() => void)[] = []
    const begun: number[] = []
    const arrivals = await openLoop({
      phases: [
        { ratePerSecond: 100, seconds: 0.03 },
        { ratePerSecond: 1000, seconds: 0.005 },
      ],
      send: (number) =>
        new Promise<string>((resolve) => {
          answers.push(() => resolve(`n${number}`))
          // The first is answered when the last was sent.
          if (number === 7) for (const answer of answers) answer()
        }),
      begins: async (phase) => void begun.push(phase),
    })
    const startMs = arrivals[0]?.intendedMs ?? 0
    const seen = arrivals.map(({ intendedMs, ...rest }) => ({ ...rest, afterMs: Math.round(intendedMs - startMs) }))
    expect({ begun, seen }).toEqual({
      begun: [0, 1],
      seen: [0, 10, 20, 30, 31, 32, 33, 34].map((afterMs, number) => ({
        ...{ id: `n${number}`, number, phase: number < 3 ? 0 : 1, afterMs },
      })),
    })
  })

  test('ends with the first failure, of a notification or of what began with a phase, and sends no more', async () => {
    let sent = 0
    const failing: Promise<readonly Arrival[]> = openLoop({
      phases: [{ ratePerSecond: 1000, seconds: 10 }],
      send: async (number) => {
        sent++
        if (number === 3) throw new Error('The fourth was refused')
        return String(number)
      },
    })
    await expect(failing).rejects.toThrow('The fourth was refused')
    expect(sent).toBeLessThan(10_000)
    const begins = async () => {
      throw new Error('The phase did not begin')
    }
    const phases = [{ ratePerSecond: 1000, seconds: 10 }]
    await expect(openLoop({ phases, begins, send: async () => '' })).rejects.toThrow('The phase did not begin')
  })
})
