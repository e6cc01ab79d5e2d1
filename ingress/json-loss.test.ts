import { describe, expect, it, test } from 'vitest'
import { inboundEvent } from '../testing/ingress/intake-sample.js'
import { errorsOf, refusal, testClient } from '../testing/ingress/test-client.js'
import { readInbound } from './intake.js'
import { lossIn } from './json-loss.js'

const path = '/v1/notifications'
const digits = 'Must have no more digits than a double keeps: send it as a string, or round it.'
const half = 'Must not have half a surrogate pair.'

function pathIn(text: string): string | undefined {
  return lossIn(text, JSON.parse(text))?.path
}

test.each([
  ...['0', '-0', '1.0', '1.50', '1e2', '1E+2', '0.1', '-12.5e-3', '9007199254740991', '9007199254740990e-1'],
  ...['0.1000000000000000000', '100000000000000000000', '1e300', '5e-324', '12345678901234567000', '0e99999'],
])('%s keeps its value, however it is spelled', (number) => {
  expect(pathIn(`{"a":[${number}]}`)).toBeUndefined()
  expect(pathIn(number)).toBeUndefined()
})

test.each([
  ...['8202522731445525542', '-8202522731445525542', '0.1000000000000000055', '9007199254740993', '1e400', '-1e400'],
  ...['1e-400', '3.14159265358979323846', '12345678901234567e-3', '9007199254740993.0'],
])('%s would be another number', (number) => {
  expect(pathIn(`{"a":[0,${number}]}`)).toBe('a.1')
  expect(pathIn(` [\n${number}\t]`)).toBe('0')
  expect(pathIn(number)).toBe('')
})

test('digits in texts and keys are no numbers', () => {
  const text = JSON.stringify({ a: '8202522731445525542', b: 'Order: 8202522731445525542, \\"1e400', ' 1e400 ': 'x' })
  expect(pathIn(text)).toBeUndefined()
  expect(pathIn(text.replace('"x"', '9007199254740993'))).toBe(' 1e400 ')
})

test('its path is found behind whatever comes before it', () => {
  const before = '"x":"a\\"b\\\\","y":{"z":[1,{"q":[]},[2,3]]},"":{"":[]},"]":","'
  expect(pathIn(`{${before},"a\\"b":[{},[0,[{"k":{},"l":1e400}]]]}`)).toBe('a"b.1.1.0.l')
  expect(pathIn(`[{"a":1},{"b":2,"c":9007199254740993}]`)).toBe('1.c')
})

test.each([
  ['{"a":{"b":["\\ud800"]}}', 'a.b.0'],
  ['{"a":"x\\uDC00\\ud800"}', 'a'],
  ['{"\\ud800":1}', '\ud800'],
  ['"\\uD83D"', ''],
])('half a character in %s is found', (text, expected) => {
  expect(pathIn(text)).toBe(expected)
})

test('a whole character is none by halves, nor is an escaped backslash', () => {
  expect(pathIn('["\\ud83d\\ude00", "\\\\ud800", "😀"]')).toBeUndefined()
})

describe('what would be changed is 400 with its path', () => {
  it.each([
    [path, '{"to":"a","content":{"body":"x"},"metadata":{"order":8202522731445525542}}', 'metadata.order'],
    [path, '{"to":"a","template":"t","data":{"lines":[{"total":0.1000000000000000055}]}}', 'data.lines.0.total'],
    ['/v1/templates', '{"id":"t","channels":{"webhook":{"n":1e400}}}', 'channels.webhook.n'],
  ])('%s %s', async (route, body, where) => {
    const { post, fake } = testClient()
    expect(refusal(await post(route, body))).toEqual([400, `${where}: ${digits}`])
    expect(fake.accepted).toEqual([])
  })

  it('in a batch, a recipient and a preview', async () => {
    const { post, put } = testClient()
    const item = '{"to":"a","content":{"body":"x"},"metadata":{"n":9007199254740993}}'
    const batch = await post('/v1/notifications/batch', `{"notifications":[{"to":"a","content":{"body":"x"}},${item}]}`)
    expect(refusal(batch)).toEqual([400, `notifications.1.metadata.n: ${digits}`])
    expect(refusal(await put('/v1/recipients/a', '{"preferences":{"muted":1e400}}'))[0]).toBe(400)
    expect(errorsOf(await post('/v1/templates/t/preview', '{"data":{"n":1e-400}}'))).toEqual([`data.n: ${digits}`])
    expect(refusal(await post(path, '{"to":"a","content":{"body":"\\ud800"}}'))).toEqual([400, `content.body: ${half}`])
  })

  it('in the contracts, in their own words', async () => {
    const { post } = testClient()
    const c = await post('/api/v1/notifications', '{"channel":"sms","template_variables":{"n":8202522731445525542}}')
    expect([c.status, c.body]).toEqual([400, { error: `template_variables.n: ${digits}` }])
    const b = await post('/user/notification', '{"user_id":[9007199254740993],"type":"sms","message":"x"}')
    expect(b.status).toBe(400)
  })

  it('in events from Kafka', () => {
    const data = '{"order":8202522731445525542}'
    expect(readInbound(inboundEvent({ data, metadata: '{"a":["\\ud800"]}' }))).toEqual({
      ok: false,
      errors: [
        { path: 'data.order', message: digits },
        { path: 'metadata.a.0', message: half },
      ],
    })
  })

  it('what is only spelled otherwise is accepted as it was', async () => {
    const { post, fake } = testClient()
    const body = '{"to":"a","content":{"body":"x"},"metadata":{"a":1.0,"b":1e2,"c":1.50,"d":0.1,"e":"\\ud83d\\ude00"}}'
    expect((await post(path, body)).status).toBe(202)
    expect(fake.accepted[0]?.metadata).toBe('{"a":1,"b":100,"c":1.5,"d":0.1,"e":"😀"}')
  })
})
