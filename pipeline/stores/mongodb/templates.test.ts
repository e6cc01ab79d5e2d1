import { afterEach, beforeEach, expect, it } from 'vitest'
import type { TemplateVersion } from '../../../schemas/template.js'
import { describeOnMongo } from '../../../testing/stores/mongodb/mongo-under-test.js'
import { databaseUnderTest, type Opener } from '../../../testing/stores/mongodb/stores-under-test.js'
import type { MongoStores } from './stores.js'

describeOnMongo('a template that several write at once', (server) => {
  let database: Opener
  beforeEach(() => {
    database = databaseUnderTest(server())
  })
  afterEach(() => database.close())

  const template = (version: number, text: string): TemplateVersion => ({
    id: 'a@1',
    version,
    locale: 'en',
    locales: { en: { sms: { subject: null, text, html: null, data: null } } },
    defaults: {},
    createdAt: 'c',
    updatedAt: 'u',
  })
  const textOf = ({ locales }: TemplateVersion) => locales.en?.sms?.text

  it('gets each version from one of them, and keeps them all', async () => {
    const writers = Array.from({ length: 4 }, () => database.open())
    const winners: string[] = []
    for (let version = 1; version <= 4; version++) {
      const put = async ({ templates }: MongoStores, at: number) => {
        const name = `${version} by ${at}`
        if ((await templates.put('default', template(version, name), version - 1)) === 'written') winners.push(name)
      }
      await Promise.all(writers.map(put))
    }
    const wanted = [1, 2, 3, 4].map((version) => ({ tenant: 'default', id: 'a@1', version }))
    const found = await database.open().templateSource.load(wanted)
    const kept = wanted.map(({ id, version }) => found.get(`default/${id}@${version}`))
    expect(kept.map((version) => version && textOf(version))).toEqual(winners)
    expect(kept.map((version) => version?.version)).toEqual([1, 2, 3, 4])
  })
})
