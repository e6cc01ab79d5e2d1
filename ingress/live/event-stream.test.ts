import { Hono } from 'hono'
import { afterEach, expect, it, vi } from 'vitest'
import type { IngressEnvironment } from '../endpoint.js'
import { type EventStream, eventFrame, maxUnreadBytes, openEventStream } from './event-stream.js'
import { createPlaces } from './places.js'

afterEach(() => {
  vi.useRealTimers()
})

const frame = Buffer.from('x'.repeat(1024))
const maxFrames = maxUnreadBytes / frame.length

/** A stream without a connection, and its body, of which nothing is read unless the test does. */
async function open(heartbeatMs = 15_000) {
  const places = createPlaces({ watchers: () => undefined }, 1)
  const app = new Hono<IngressEnvironment>()
  const opened: EventStream[] = []
  app.get('/', (c) => {
    const stream = openEventStream(c, places, 'events', heartbeatMs)
    opened.push(stream)
    return stream.response
  })
  const response = await app.request('/')
  const [stream] = opened
  if (!stream || !response.body) throw new Error('There is no stream')
  const reader = response.body.getReader()
  return { stream, places, read: async () => Buffer.from((await reader.read()).value ?? []).toString(), reader }
}

it('an event has its name, its place and its data in one line', () => {
  const text = Buffer.from(eventFrame('message', { body: 'a\nb' }, '42')).toString()
  expect(text).toBe('event: message\nid: 42\ndata: {"body":"a\\nb"}\n\n')
})

it('a stream tells when to connect again, and then that it is still here', async () => {
  vi.useFakeTimers()
  const { read, stream } = await open()
  expect(await read()).toBe('retry: 2000\n\n')
  vi.advanceTimersByTime(14_999)
  stream.push(eventFrame('status', {}))
  vi.advanceTimersByTime(1)
  expect([await read(), await read()]).toEqual(['event: status\ndata: {}\n\n', ': still here\n\n'])
})

it('a reader who is behind by more than the bound is cut off, and gives the place back', async () => {
  const { stream, places, reader } = await open()
  await reader.read()
  for (let number = 0; number < maxFrames; number++) stream.push(frame)
  expect(() => places.take('events', () => undefined)).toThrow('1 streams are open')
  stream.push(frame)
  expect(stream.ended.aborted).toBe(true)
  await expect(reader.read()).rejects.toThrow('too slow')
  places.take('events', () => undefined)
})

it('what is offered waits until the reader has taken enough, and ends with the stream', async () => {
  const { stream, read, reader } = await open()
  await read()
  for (let number = 0; number < maxFrames; number++) expect(await stream.offer(frame)).toBe(true)
  const settled: boolean[] = []
  const offered = [stream.offer(frame).then((taken) => settled.push(taken))]
  await Promise.resolve()
  expect(settled).toEqual([])
  await reader.read()
  await Promise.all(offered)
  expect(settled).toEqual([true])
  const late = stream.offer(frame)
  await reader.cancel()
  expect(await late).toBe(false)
})

it('a reader who takes nothing for a minute of heartbeats is cut off', async () => {
  vi.useFakeTimers()
  const { stream, reader } = await open()
  await reader.read()
  for (let number = 0; number < maxFrames; number++) await stream.offer(frame)
  vi.advanceTimersByTime(45_000)
  expect(stream.ended.aborted).toBe(false)
  vi.advanceTimersByTime(15_000)
  expect(stream.ended.aborted).toBe(true)
})

it('all streams end with the server, and none begins after that', async () => {
  const { stream, places, reader } = await open()
  await reader.read()
  places.close()
  expect([(await reader.read()).done, stream.ended.aborted]).toEqual([true, true])
  expect(() => places.take('events', () => undefined)).toThrow('This server is ending.')
})
