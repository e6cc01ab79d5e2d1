import { describe, expect, it } from 'vitest'
import { refusal, testClient } from '../../testing/ingress/test-client.js'

const now = '2030-01-01T00:00:00.000Z'
const email = { subject: 'Hello {{ name }}', html: '<p>{{ name }}</p>', text: '{{ name }}' }
const channels = {
  email,
  sms: { text: '{{ name }}' },
  push: { title: '{{ name }}', body: 'B', data: { link: '{{ link }}' } },
  inapp: { title: 'T', body: '{{ name }}' },
  webhook: { event: 'hello', name: '{{ name }}' },
  slack: { text: '{{ name }}' },
}
const welcome = { id: 'welcome', channels, defaults: { name: 'there', link: '/' } }
const path = '/v1/templates'
const one = '/v1/templates/welcome'

describe('templates', () => {
  it('come back as they were given', async () => {
    const { get, post } = testClient()
    const { status, body, headers } = await post(path, welcome)
    const shown = { ...welcome, version: 1, locale: 'en', locales: { en: channels }, createdAt: now, updatedAt: now }
    expect([status, body, headers.get('location')]).toEqual([201, shown, one])
    expect((await get(one)).body).toEqual(shown)
    expect((await get(path)).body).toEqual({ data: [shown], nextCursor: null })
  })

  it('take another locale as a new version, and no locale twice', async () => {
    const { post } = testClient()
    await post(path, welcome)
    expect((await post(path, welcome)).status).toBe(409)
    expect((await post(path, { ...welcome, locale: 'EN' })).status).toBe(409)
    const german = { sms: { text: 'Hallo {{ name }}' } }
    const { status, body } = await post(path, {
      id: 'welcome',
      channels: german,
      locale: 'de-at',
      defaults: { name: 'du' },
    })
    expect([status, body]).toEqual([
      201,
      {
        ...welcome,
        version: 2,
        locale: 'en',
        locales: { en: channels, 'de-AT': german },
        localeDefaults: { 'de-AT': { name: 'du' } },
        createdAt: now,
        updatedAt: now,
      },
    ])
  })

  it('have defaults of their own in each locale, over those of the locale to fall back to', async () => {
    const { post, put, get } = testClient()
    const sms = { text: '{{ name }} {{ link }}' }
    await post(path, { ...welcome, channels: { sms } })
    await post(path, { id: 'welcome', channels: { sms }, locale: 'de', defaults: { name: 'du' } })
    await post(path, { id: 'welcome', channels: { sms }, locale: 'de-AT', defaults: { link: '/at' } })
    await post(path, { id: 'welcome', channels: { sms }, locale: 'fr' })
    const said = async (locale: string) => {
      const { body } = await post(`${one}/preview`, { locale })
      return (body as { channels: { sms: { text: string } } }).channels.sms.text
    }
    const everywhere = async () => [await said('en'), await said('de'), await said('de-AT'), await said('fr')]
    expect(await everywhere()).toEqual(['there /', 'du /', 'du /at', 'there /'])
    await put(one, { channels: { sms }, locale: 'de', defaults: { name: 'Du' } })
    await put(one, { channels: { sms }, defaults: { name: 'you', link: '#' } })
    await put(one, { channels: { sms }, locale: 'de-AT' })
    expect(await everywhere()).toEqual(['you #', 'Du #', 'Du /at', 'you #'])
    expect((await get(one)).body).toMatchObject({
      defaults: { name: 'you', link: '#' },
      localeDefaults: { de: { name: 'Du' }, 'de-AT': { link: '/at' } },
    })
  })

  it('are replaced by a new version, in one locale', async () => {
    const { post, put } = testClient()
    await post(path, welcome)
    await post(path, { id: 'welcome', channels: { sms: { text: 'Hallo' } }, locale: 'de' })
    const { status, body } = await put(one, { id: 'welcome', channels: { email } })
    expect(status).toBe(200)
    expect(body).toMatchObject({
      version: 3,
      channels: { email },
      locales: { en: { email }, de: { sms: { text: 'Hallo' } } },
    })
    expect((body as { defaults: unknown }).defaults).toEqual(welcome.defaults)
    expect((await put('/v1/templates/none', { channels })).status).toBe(404)
    expect(refusal(await put(one, { id: 'other', channels }))).toEqual([400, 'id: Must be that of the path.'])
  })

  it('that come at once all count, each as a version of its own', async () => {
    const { post, put, get } = testClient()
    await post(path, welcome)
    const answers = await Promise.all(Array.from({ length: 20 }, () => put(one, { channels })))
    const versions = answers.map(({ body }) => (body as { version: number }).version)
    expect(versions.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, at) => at + 2))
    expect((await get(one)).body).toMatchObject({ version: 21 })
  })

  it('are 409 when another change came first, again and again', async () => {
    const { post, put, fake } = testClient()
    await post(path, welcome)
    Object.assign(fake.templates, { put: async () => 'conflict' })
    expect((await put(one, { channels })).status).toBe(409)
  })

  it('can be deleted, once', async () => {
    const client = testClient()
    await client.post(path, welcome)
    expect((await client.delete(one)).status).toBe(204)
    expect((await client.delete(one)).status).toBe(404)
    expect((await client.get(one)).status).toBe(404)
  })

  it('pin the version that a notification is accepted with', async () => {
    const { post, put, fake } = testClient()
    await post(path, welcome)
    await put(one, { channels })
    await post('/v1/notifications', { to: 'a', template: 'welcome' })
    expect(fake.accepted.map(({ template }) => template)).toEqual([{ id: 'welcome', version: 2 }])
  })

  it('are 400 with the place of what is wrong', async () => {
    const { post } = testClient()
    const refused = async (change: object) => refusal(await post(path, { ...welcome, ...change }))
    expect(await refused({ channels: { email: { ...email, html: '{{ name' }, sms: { text: '{{' } } })).toEqual([
      400,
      'channels.email.html: Not closed.',
      'channels.sms.text: Not closed.',
    ])
    expect(await refused({ channels: {} })).toEqual([
      400,
      'channels: Needs one of email, sms, push, inapp, webhook, slack.',
    ])
    expect(await refused({ channels: { sms: { text: '' } } })).toEqual([400, 'channels.sms.text: Must not be empty.'])
    expect(await refused({ id: '' })).toEqual([400, 'id: Must not be empty.'])
    expect(await refused({ name: 'x' })).toEqual([400, 'name: Unknown field.'])
    expect(await refused({ locale: 'german!' })).toEqual([400, 'locale: Must be a BCP 47 tag, such as de or pt-BR.'])
    expect(await refused({ defaults: { x: 'x'.repeat(65536) } })).toEqual([
      400,
      'defaults: Must be at most 65536 bytes as JSON.',
    ])
  })
})

describe('a preview', () => {
  it('renders every channel, or the one asked for', async () => {
    const { post } = testClient()
    await post(path, welcome)
    const { status, body } = await post(`${one}/preview`, { data: { name: 'Ada' } })
    expect([status, body]).toEqual([
      200,
      {
        id: 'welcome',
        version: 1,
        locale: 'en',
        channels: {
          email: { subject: 'Hello Ada', html: '<p>Ada</p>', text: 'Ada' },
          sms: { text: 'Ada' },
          push: { title: 'Ada', body: 'B', data: { link: '/' } },
          inapp: { title: 'T', body: 'Ada' },
          webhook: { event: 'hello', name: 'Ada' },
          slack: { text: 'Ada' },
        },
      },
    ])
    const sms = await post(`${one}/preview`, { channel: 'sms' })
    expect((sms.body as { channels: unknown }).channels).toEqual({ sms: { text: 'there' } })
  })

  it('takes the best locale there is', async () => {
    const { post } = testClient()
    await post(path, { id: 'welcome', channels: { sms: { text: 'Hello' } } })
    await post(path, { id: 'welcome', channels: { sms: { text: 'Hallo' } }, locale: 'de' })
    for (const [wanted, locale] of [
      ['de-AT', 'de'],
      ['fr', 'en'],
      ['de', 'de'],
    ]) {
      expect((await post(`${one}/preview`, { locale: wanted })).body).toMatchObject({ locale })
    }
  })

  it('is 400 naming the variable that is missing, or a channel that the template lacks', async () => {
    const { post } = testClient()
    await post(path, { id: 'welcome', channels: { sms: { text: '{{ name }}' } } })
    expect(refusal(await post(`${one}/preview`, {}))).toEqual([400, 'channels.sms: The variable name is missing.'])
    expect(refusal(await post(`${one}/preview`, { channel: 'email' }))).toEqual([
      400,
      'channel: The template does not have it.',
    ])
    expect((await post('/v1/templates/none/preview', {})).status).toBe(404)
  })
})
