import { afterEach, beforeEach, expect, it } from 'vitest'
import { Unavailable } from '../../../schemas/errors.js'
import type { KnownRecipient } from '../../../schemas/template.js'
import { changesOf } from '../../../stages/record/changes.js'
import { describeOnMongo, urlBy } from '../../../testing/stores/mongodb/mongo-under-test.js'
import { databaseUnderTest, type Opener } from '../../../testing/stores/mongodb/stores-under-test.js'
import { type Topic, topicOf } from '../../../testing/stores/mongodb/way-under-test.js'
import { sampleEnd, sampleRequest, startMs } from '../../../testing/stores/store-under-test.js'

/** The driver looks for a lost server every half second at most. */
const bounds = { selectionTimeoutMs: 1000, answerTimeoutMs: 300 }
const anna: KnownRecipient = { id: 'anna', createdAt: 'c', updatedAt: 'u' }

describeOnMongo('with MongoDB away', (server) => {
  let topic: Topic
  let database: Opener
  beforeEach(async () => {
    topic = await topicOf(server().address)
    database = databaseUnderTest(server())
  })
  afterEach(async () => {
    await database.close()
    await topic.close()
  })
  const open = () => database.open({ ...bounds, url: urlBy(server(), topic.address), nowMs: () => startMs })

  it('stores are opened all the same, every call says so, and all works when it comes', async () => {
    await topic.refuse()
    const { records, merge, claims, inbox, outbox, letters, ping, prune, ensureIndexes, ...others } = open()
    const request = sampleRequest('n-1', 0)
    const calls = [
      () => records.get('default', 'n-1'),
      () => records.list({ tenant: 'default', limit: 1 }),
      () => records.batch('default', 'b'),
      () => records.stats('default'),
      () => merge([sampleEnd(request, 40)]),
      () => claims.claim('default', { key: 'k', bodyHash: 'a', answer: '' }, { ids: [], batchId: null }, 0),
      () => others.recipients.put('default', anna),
      () => others.directory.find([{ tenant: 'default', id: 'anna' }]),
      () => others.templateSource.load([{ tenant: 'default', id: 't', version: 1 }]),
      () => inbox.list('default', 'anna', 1),
      () => outbox.list('default', 1),
      () => letters.get('d'),
      ensureIndexes,
      prune,
      ping,
    ]
    const failures = await Promise.allSettled(calls.map((call) => call()))
    expect(failures.map((failure) => failure.status === 'rejected' && failure.reason instanceof Unavailable)).toEqual(
      calls.map(() => true),
    )
    await topic.pass()
    for (const call of calls) await call()
    expect((await records.get('default', 'n-1'))?.status).toBe('sent')
  })

  it('a call ends that gets no answer', async () => {
    const { ping, records } = open()
    await ping()
    topic.stall()
    await expect(records.get('default', 'n-1')).rejects.toThrow(Unavailable)
    await topic.pass()
    expect(await records.get('default', 'n-1')).toBeUndefined()
  })

  it('recipients and templates that were used are found still', async () => {
    const { directory, recipients, templates, templateSource } = open()
    const template = { id: 't', version: 1, locale: 'en', locales: {}, defaults: {}, createdAt: 'c', updatedAt: 'u' }
    const [reference, version] = [
      { tenant: 'default', id: 'anna' },
      { tenant: 'default', id: 't', version: 1 },
    ]
    await recipients.put('default', anna)
    await templates.put('default', template, 0)
    const before = [await directory.find([reference]), await templateSource.load([version])]
    await topic.refuse()
    expect([await directory.find([reference]), await templateSource.load([version])]).toEqual(before)
    expect(before).toEqual([new Map([['default/anna', anna]]), new Map([['default/t@1', template]])])
    await expect(directory.find([{ tenant: 'default', id: 'ben' }])).rejects.toThrow(Unavailable)
  })

  it.each([
    ['first write', 'insert', false],
    ['later write', 'update', true],
    ['count', 'update', false],
  ])('a merge whose %s is done, but not answered, tells and counts once', async (_what, command, known) => {
    const request = sampleRequest('n-1', 0)
    const ends = [sampleEnd(request, 60, 'failed'), sampleEnd(request, 90)] as const
    const { merge, records } = open()
    const told = [...(await merge([sampleEnd(sampleRequest('n-0', 0), 50), ...(known ? [ends[0]] : [])]))]
    topic.loseAnswerTo(command)
    await expect(merge([ends[1]])).rejects.toThrow(Unavailable)
    await topic.pass()
    told.push(...(await merge([ends[1]])), ...(await merge([...ends])))
    const sent = told.flatMap((one) => changesOf(one)).filter(({ status }) => status === 'sent')
    expect(sent.map(({ notificationId }) => notificationId)).toEqual(['n-0', 'n-1'])
    expect(await records.stats('default')).toMatchObject({ email: { sent: 2, failed: 0 } })
  })

  it('no error tells of the documents or the password', async () => {
    await topic.refuse()
    const url = urlBy(server(), topic.address).replace('//', '//anna:secret@')
    const { recipients } = database.open({ ...bounds, url })
    const error: unknown = await recipients.put('default', anna).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(Unavailable)
    expect(deepText(error)).not.toMatch(/secret|anna/)
  })
})

/** Everything an error holds, down its causes. */
function deepText(value: unknown, seen = new Set<unknown>()): string {
  if (typeof value !== 'object' || value === null) return String(value)
  if (seen.has(value)) return ''
  seen.add(value)
  const entries =
    value instanceof Map ? [...value] : Reflect.ownKeys(value).map((key) => [key, Reflect.get(value, key)])
  return entries.map(([key, inner]) => `${String(key)}: ${deepText(inner, seen)}`).join('\n')
}
