import { expect, test } from 'vitest'
import { never } from '../../../testing/stages/deliver/delivery-sample.js'
import { slots } from './slots.js'

test('who comes when all are taken waits in line, and a slot given back twice counts once', async () => {
  const two = slots(2)
  const served: string[] = []
  const [first] = [await two.acquire(never), await two.acquire(never)]
  const wait = async (name: string) => {
    const release = await two.acquire(never)
    served.push(name)
    return release
  }
  const [third, fourth] = [wait('third'), wait('fourth')]
  first()
  first()
  const release = await third
  expect([served, two.taken()]).toEqual([['third'], 2])
  release()
  await fourth
  expect([served, two.taken()]).toEqual([['third', 'fourth'], 2])
})

test('who gives up waiting leaves the line', async () => {
  const one = slots(1)
  const release = await one.acquire(never)
  const patience = new AbortController()
  const waiting = one.acquire(patience.signal)
  patience.abort(new Error('no longer'))
  await expect(waiting).rejects.toThrow('no longer')
  release()
  expect(one.taken()).toBe(0)
  await one.acquire(never)
  expect(one.taken()).toBe(1)
})
