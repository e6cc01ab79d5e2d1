import { describe, expect, it } from 'vitest'
import { refusal, testClient } from '../../testing/ingress/test-client.js'

const now = '2030-01-01T00:00:00.000Z'
const ada = {
  email: 'ada@example.com',
  phone: '+4915112345678',
  devices: ['token-1', 'token-2'],
  webhook: 'https://example.com/hook',
  slack: 'C123',
  locale: 'de-AT',
  timeZone: 'Europe/Vienna',
  preferences: { channels: { sms: false }, muted: false },
}
const unseen = 'Must not have characters that nobody sees, such as marks of direction or soft hyphens.'
const path = '/v1/recipients/user-42'

describe('recipients', () => {
  it('are 201 when new, 200 when told again, and come back as they were told last', async () => {
    const { get, put } = testClient()
    const first = await put(path, ada)
    expect([first.status, first.body]).toEqual([201, { id: 'user-42', ...ada, createdAt: now, updatedAt: now }])
    const second = await put(path, { id: 'user-42', email: 'new@example.com' })
    const told = { id: 'user-42', email: 'new@example.com', createdAt: now, updatedAt: now }
    expect([second.status, second.body]).toEqual([200, told])
    expect((await get(path)).body).toEqual(told)
  })

  it('can be forgotten', async () => {
    const client = testClient()
    await client.put(path, ada)
    expect((await client.delete(path)).status).toBe(204)
    expect((await client.get(path)).status).toBe(404)
    expect((await client.delete(path)).status).toBe(404)
  })

  it('have ids that are written as they are', async () => {
    const { put, fake } = testClient()
    await put('/v1/recipients/a%2Fb%20c', {})
    expect(await fake.recipients.get('default', 'a/b c')).toMatchObject({ id: 'a/b c' })
  })

  it.each([
    [{ timeZone: 'Mars/Olympus' }, 'timeZone: Must be an IANA time zone, such as Europe/Vienna.'],
    [{ timeZone: '+01:00' }, 'timeZone: Must be an IANA time zone, such as Europe/Vienna.'],
    [{ locale: 'x' }, 'locale: Must be a BCP 47 tag, such as de or pt-BR.'],
    [{ devices: 'token' }, 'devices: Must be an array.'],
    [{ devices: [''] }, 'devices.0: Must not be empty.'],
    [{ email: '' }, 'email: Must not be empty.'],
    [{ phone: 5 }, 'phone: Must be a string.'],
    [{ email: 'an\u200bna@b.c' }, `email: ${unseen}`],
    [{ phone: '\u202a+4915112345678\u202c' }, `phone: ${unseen}`],
    [{ nickname: 'Ada' }, 'nickname: Unknown field.'],
    [{ preferences: { channels: { sms: 'no' } } }, 'preferences.channels.sms: Must be a boolean.'],
    [{ preferences: { quiet: true } }, 'preferences.quiet: Unknown field.'],
    [{ id: 'other' }, 'id: Must be that of the path.'],
  ])('are 400 for %j', async (change, error) => {
    const { put } = testClient()
    expect(refusal(await put(path, change))).toEqual([400, error])
  })

  it('are 400 for preferences of an unknown channel', async () => {
    const { put } = testClient()
    const { status, body } = await put(path, { preferences: { channels: { fax: true } } })
    expect([status, JSON.stringify(body)]).toEqual([400, expect.stringContaining('preferences.channels.fax')])
  })
})
