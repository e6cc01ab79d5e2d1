/** The part of the stores' conformance suite that is about templates and recipients. */
import { describe, expect, it } from 'vitest'
import { BadCursor } from '../../schemas/errors.js'
import type { KnownRecipient, TemplateVersion } from '../../schemas/template.js'
import { allPages, eachStore, type OpenStore } from './store-under-test.js'

export function describeReferences(open: OpenStore): void {
  describeTemplates(open)
  describeRecipients(open)
}

function describeTemplates(open: OpenStore): void {
  describe('a template', () => {
    const store = eachStore(open)
    const template = (id: string, version: number, text = 'Hi'): TemplateVersion => ({
      id,
      version,
      locale: 'en',
      locales: { en: { sms: { subject: null, text, html: null, data: null } } },
      defaults: { name: 'you' },
      createdAt: '2026-01-01T00:00:00.000Z',
      updatedAt: '2026-01-01T00:00:00.000Z',
    })
    const load = async (id: string, version: number) => [
      ...(await store().templateSource.load([{ tenant: 'default', id, version }])).values(),
    ]

    it('is written version by version, and only by who knows the last one', async () => {
      const { templates } = store()
      expect(await templates.put('default', template('t', 1), 0)).toBe('written')
      expect(await templates.put('default', template('t', 1, 'other'), 0)).toBe('conflict')
      expect(await templates.put('default', template('t', 2, 'new'), 1)).toBe('written')
      expect(await templates.put('default', template('t', 2, 'late'), 1)).toBe('conflict')
      expect(await templates.get('default', 't')).toEqual(template('t', 2, 'new'))
      expect(await load('t', 1)).toEqual([template('t', 1)])
      expect(await load('t', 3)).toEqual([])
      expect(await templates.get('other', 't')).toBeUndefined()
    })

    it('stays readable at its versions after it was deleted, and goes on from the last when made again', async () => {
      const { templates } = store()
      await templates.put('default', template('t', 1), 0)
      expect(await templates.delete('default', 't')).toBe(true)
      expect(await templates.delete('default', 't')).toBe(false)
      expect(await templates.get('default', 't')).toBeUndefined()
      expect(await templates.list('default', 10)).toEqual({ data: [], nextCursor: null })
      expect(await load('t', 1)).toEqual([template('t', 1)])
      expect(await templates.put('default', template('t', 1, 'again'), 0)).toBe('written')
      expect(await templates.get('default', 't')).toEqual(template('t', 2, 'again'))
      expect(await load('t', 1)).toEqual([template('t', 1)])
    })

    it('keeps what a contract was told of it', async () => {
      const { templates } = store()
      const told = { ...template('t', 1), told: { name: 'Welcome', channel: 'sms', body: 'Hi {{.Name}}' } }
      await templates.put('default', told, 0)
      expect(await templates.get('default', 't')).toEqual(told)
      expect(await load('t', 1)).toEqual([told])
      expect((await templates.list('default', 10)).data).toEqual([told])
    })

    it('is listed by id, and loaded with others in one go', async () => {
      const { templates, templateSource } = store()
      for (const id of ['c', 'a', 'b']) await templates.put('default', template(id, 1, id), 0)
      const pages = await allPages((cursor) => templates.list('default', 2, cursor))
      expect(pages).toEqual([[template('a', 1, 'a'), template('b', 1, 'b')], [template('c', 1, 'c')]])
      await expect(templates.list('other', 2, 'x')).rejects.toThrow(BadCursor)
      const wanted = ['a', 'c', 'x'].map((id) => ({ tenant: 'default', id, version: 1 }))
      const found = new Map([
        ['default/a@1', template('a', 1, 'a')],
        ['default/c@1', template('c', 1, 'c')],
      ])
      expect(await templateSource.load(wanted)).toEqual(found)
      expect(await templateSource.load(wanted)).toEqual(found)
    })
  })
}

function describeRecipients(open: OpenStore): void {
  describe('a recipient', () => {
    const store = eachStore(open)
    const anna: KnownRecipient = { id: 'anna', name: 'Anna', email: 'anna@example.com', createdAt: 'c', updatedAt: 'u' }

    it('is put, replaced, found and deleted', async () => {
      const { recipients, directory } = store()
      const find = () => directory.find(['anna', 'ben'].map((id) => ({ tenant: 'default', id })))
      await recipients.put('default', { ...anna, email: 'old@example.com' })
      await recipients.put('default', anna)
      expect(await recipients.get('default', 'anna')).toEqual(anna)
      expect(await recipients.get('other', 'anna')).toBeUndefined()
      expect(await find()).toEqual(new Map([['default/anna', anna]]))
      expect(await recipients.delete('default', 'anna')).toBe(true)
      expect(await recipients.delete('default', 'anna')).toBe(false)
      expect(await find()).toEqual(new Map())
    })
  })
}
