import { concatMap, delay, firstValueFrom, interval, map, of, take, timer, toArray } from 'rxjs'
import { expect, test } from 'vitest'
import { virtualClock } from './clock.js'

const startMs = Date.UTC(2030, 0, 1)

test('timers run in the order of their due times, each at its own time', async () => {
  const { scheduler, advance } = virtualClock(startMs)
  const seen: [string, number][] = []
  const note = (name: string) => () => seen.push([name, scheduler.now() - startMs])
  timer(300, scheduler).subscribe(note('late'))
  timer(100, scheduler).subscribe(note('early'))
  timer(100, scheduler).subscribe(note('early, set second'))
  timer(301, scheduler).subscribe(note('too late'))
  await advance(300)
  expect(seen).toEqual([
    ['early', 100],
    ['early, set second', 100],
    ['late', 300],
  ])
  expect(scheduler.now()).toBe(startMs + 300)
})

test('a promise that one timer resolves is acted on before the next timer', async () => {
  const { scheduler, advance } = virtualClock(startMs)
  const seen: string[] = []
  const first = firstValueFrom(timer(10, scheduler))
  const work = async () => {
    await first
    for (let step = 0; step < 20; step++) await Promise.resolve()
    seen.push(`continued at ${scheduler.now() - startMs}`)
    await firstValueFrom(timer(5, scheduler))
    seen.push(`and went on at ${scheduler.now() - startMs}`)
  }
  const done = work()
  timer(20, scheduler).subscribe(() => seen.push('second timer'))
  await advance(30)
  await done
  expect(seen).toEqual(['continued at 10', 'and went on at 15', 'second timer'])
})

test('RxJS operators keep this time', async () => {
  const { scheduler, advance } = virtualClock(startMs)
  const values: number[][] = []
  interval(1000, scheduler)
    .pipe(
      concatMap((count) => of(count).pipe(delay(500, scheduler))),
      map((count) => count * 10),
      take(3),
      toArray(),
    )
    .subscribe((all) => values.push(all))
  await advance(3499)
  expect(values).toEqual([])
  await advance(1)
  expect(values).toEqual([[0, 10, 20]])
})

test('a cancelled timer does not run', async () => {
  const { scheduler, advance } = virtualClock(startMs)
  let ran = false
  const subscription = timer(10, scheduler).subscribe(() => {
    ran = true
  })
  await advance(5)
  subscription.unsubscribe()
  await advance(10)
  expect(ran).toBe(false)
})

test('it runs until a condition holds and no further', async () => {
  const { scheduler, runUntil } = virtualClock(startMs)
  let ticks = 0
  interval(100, scheduler).subscribe(() => ticks++)
  await runUntil(() => ticks === 3, 1000)
  expect([ticks, scheduler.now() - startMs]).toEqual([3, 300])
})

test('it gives up when the time is over, and when nothing is left to wait for', async () => {
  const { scheduler, runUntil } = virtualClock(startMs)
  await expect(runUntil(() => false, 1000)).rejects.toThrow('no timer is left')
  timer(2000, scheduler).subscribe()
  await expect(runUntil(() => false, 1000)).rejects.toThrow('within 1000 ms')
})

test('what a timer throws comes out of the move', async () => {
  const { scheduler, advance } = virtualClock(startMs)
  scheduler.schedule(() => {
    throw new Error('broken timer')
  }, 10)
  await expect(advance(20)).rejects.toThrow('broken timer')
  await advance(20)
  expect(scheduler.now()).toBe(startMs + 30)
})
