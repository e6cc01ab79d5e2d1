/** Processes on a real broker, run as a user runs them. */
import { afterEach, describe, expect, test } from 'vitest'
import type { NotificationRecord } from '../../../schemas/record.js'
import { stageNames } from '../../../stages/stage.js'
import { closeAll as closeClients, eventSource, openSocket } from '../../../testing/ingress/live/live-under-test.js'
import { brokerAddress } from '../../../testing/logs/kafka/log-under-test.js'
import type { ProcessUnderTest } from '../../../testing/process-under-test.js'
import { type CarillonUnderTest, carillonUnderTest } from '../../../testing/run/kafka/carillon-under-test.js'
import { until } from '../../../testing/until.js'

const broker = await brokerAddress()
if (broker.address === null) test.skip(`processes on Kafka: ${broker.missing}`, () => undefined)
else describeProcesses(broker.address)

function describeProcesses(address: string): void {
  let carillon: CarillonUnderTest
  afterEach(() => carillon.close())

  const post = async (ingress: ProcessUnderTest, body: object, headers: Readonly<Record<string, string>> = {}) =>
    fetch(`${await ingress.address}/v1/notifications`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
  const send = async (ingress: ProcessUnderTest, body: object): Promise<string> => {
    const answer = await post(ingress, body)
    expect(answer.status).toBe(202)
    return ((await answer.json()) as { id: string }).id
  }
  const ended = async (ingress: ProcessUnderTest, id: string): Promise<NotificationRecord> => {
    const answer = await fetch(`${await ingress.address}/v1/notifications/${id}?wait=60s`)
    expect(answer.status).toBe(200)
    return (await answer.json()) as NotificationRecord
  }
  const webhook = (number: number) => ({
    to: { webhook: `${carillon.receiver}?${number}` },
    content: { body: 'Hello.' },
  })
  const part = (all: ReadonlyMap<string, ProcessUnderTest>, name: string): ProcessUnderTest => {
    const found = all.get(name)
    if (!found) throw new Error(`There is no process ${name}`)
    return found
  }

  describe('processes on Kafka', () => {
    test('the ingress and six stages bring a notification to its receiver, and each says what it did', async () => {
      carillon = await carillonUnderTest({ broker: address })
      const all = await carillon.runAll()
      const ingress = part(all, 'ingress')
      const id = await send(ingress, webhook(1))
      const record = await ended(ingress, id)
      expect(record.status).toBe('delivered')
      expect(record.timeline.map(({ stage, event }) => `${stage} ${event}`)).toEqual([
        'ingress accepted',
        'dedupe admitted',
        'enrich-template rendered',
        'route routed',
        'throttle released',
        'deliver delivered',
        'record recorded',
      ])
      expect([...carillon.calls]).toEqual([[`${id}.webhook`, 1]])
      const codes = await Promise.all([...all.values()].map((started) => started.end('SIGTERM')))
      expect(codes).toEqual([...all].map(() => 0))
    })

    test('a stage that is killed goes on where it stopped: nothing is lost, each key is called once', async () => {
      carillon = await carillonUnderTest({ broker: address, answerMs: 2 })
      const all = new Map(await carillon.runAll({ CARILLON_SLOT: '0' }))
      const ingress = part(all, 'ingress')
      const ids: string[] = []
      for (const name of stageNames) {
        for (let number = 0; number < 20; number++) ids.push(await send(ingress, webhook(ids.length)))
        await part(all, name).end('SIGKILL')
        for (let number = 0; number < 5; number++) ids.push(await send(ingress, webhook(ids.length)))
        all.set(name, carillon.run(['stage', name], { CARILLON_SLOT: '0' }))
      }
      const records = await Promise.all(ids.map((id) => ended(ingress, id)))
      expect(new Set(records.map(({ status }) => status))).toEqual(new Set(['delivered']))
      expect([...carillon.calls.keys()].sort()).toEqual(ids.map((id) => `${id}.webhook`).sort())
    })

    test('a client of one ingress sees the notification that was posted to another', async () => {
      carillon = await carillonUnderTest({ broker: address })
      const first = carillon.run(['start', '--create-topics'])
      await carillon.ready(first)
      const second = carillon.run(['ingress'])
      await carillon.ready(second)
      const sockets = await Promise.all(
        [first, second].map(async (ingress) => openSocket(`${await ingress.address}/v1/ws`)),
      )
      const events = await eventSource(`${await second.address}/v1/recipients/user-42/inbox/stream`)
      const id = await send(first, { to: 'user-42', content: { inapp: { body: 'Hello.' } } })
      const told = ['accepted', 'processing', 'delivered'].map((status) => ({ id, status, at: expect.any(String) }))
      for (const { take } of sockets) expect(await take(3)).toEqual(told)
      const [message] = await events.take(1)
      expect(message).toMatchObject({ event: 'message', data: { notificationId: id, body: 'Hello.' } })
      await closeClients()
    })

    test('a key that was used is answered as it was the first time', async () => {
      carillon = await carillonUnderTest({ broker: address })
      const ingress = carillon.run(['start', '--create-topics'])
      await carillon.ready(ingress)
      const key = { 'idempotency-key': 'order-1' }
      const first = await post(ingress, webhook(1), key)
      const again = await post(ingress, webhook(1), key)
      const other = await post(ingress, webhook(2), key)
      expect([first.status, again.status, other.status]).toEqual([202, 202, 422])
      expect([again.headers.get('idempotency-replayed'), await again.text()]).toEqual(['true', await first.text()])
    })

    test('what waits is cancelled by the stage that holds it', async () => {
      carillon = await carillonUnderTest({ broker: address })
      const ingress = carillon.run(['start', '--create-topics'])
      await carillon.ready(ingress)
      const id = await send(ingress, { ...webhook(1), sendAt: '2100-01-01T00:00:00Z' })
      const cancel = () =>
        ingress.address.then((url) => fetch(`${url}/v1/notifications/${id}/cancel`, { method: 'POST' }))
      await until(
        async () => (await cancel()).status === 200,
        () => ingress.log(),
      )
      expect(await ended(ingress, id)).toMatchObject({ status: 'cancelled' })
    })

    test('a process whose topics are missing says so, waits, and runs when they are there', async () => {
      carillon = await carillonUnderTest({ broker: address })
      const stage = carillon.run(['stage', 'dedupe'])
      await until(
        () => /run carillon topics create/.test(stage.log()),
        () => stage.log(),
      )
      const ready = await fetch(`${await stage.address}/health/ready`)
      const live = await fetch(`${await stage.address}/health/live`)
      expect([ready.status, live.status]).toEqual([503, 200])
      expect(await ready.json()).toMatchObject({ detail: 'dedupe waits for Kafka and its topics.' })
      expect(await carillon.run(['topics', 'create']).ended).toBe(0)
      await carillon.ready(stage)
      expect(await stage.end('SIGTERM')).toBe(0)
    })

    test('of two processes in one slot the older ends and says why', async () => {
      carillon = await carillonUnderTest({ broker: address })
      const slot = { CARILLON_SLOT: '3' }
      const older = carillon.run(['stage', 'route', '--create-topics'], slot)
      await carillon.ready(older)
      const inItsFolder = carillon.run(['stage', 'route'], slot)
      expect(await inItsFolder.ended).toBe(1)
      expect(inItsFolder.log()).toMatch(/route-slot-3 is in use by process \d+/)
      const newer = carillon.run(['stage', 'route'], { ...slot, CARILLON_DATA: carillon.otherFolder })
      await carillon.ready(newer)
      expect(await older.ended).toBe(1)
      expect(older.log()).toMatch(/Another process runs in slot 3\. Each needs one of its own\./)
      expect(await newer.end('SIGTERM')).toBe(0)
    })
  })
}
