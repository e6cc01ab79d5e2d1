import { expect, test } from 'vitest'
import { compareWith, compareWithReleased, inlined, releaseProblems, releasesToWrite } from './release.js'

type Json = Record<string, unknown> & { fields: { name: string; type: unknown; doc: string; default?: unknown }[] }

test('today’s schemas are released and break nothing', () => {
  expect(releaseProblems()).toEqual([])
  expect(releasesToWrite().map(({ file }) => file)).toEqual([])
  expect(compareWithReleased().filter(({ state }) => state !== 'same')).toEqual([])
})

test('a schema that is released as it stands is the same, whatever white space surrounds it', () => {
  expect(
    compareWith(
      'cancel-requested',
      release((schema) => schema),
    ),
  ).toEqual(told('same'))
  const { text, ...rest } = release((schema) => schema)
  expect(compareWith('cancel-requested', { ...rest, text: `\n${text}\n\n` })).toEqual(told('same'))
})

test('an event without a release is new', () => {
  expect(compareWith('cancel-requested', undefined)).toEqual({ ...told('new'), releasedId: null })
})

test('a field that came or went is compatible when it has a default', () => {
  const wentWithDefault = release(({ fields, ...schema }) => ({
    ...schema,
    fields: [...fields, { name: 'reason', type: ['null', 'string'], default: null, doc: 'Why.' }],
  }))
  const changedDoc = release((schema) => ({ ...schema, doc: 'Said in other words.' }))
  expect(compareWith('cancel-requested', wentWithDefault)).toEqual(told('compatible'))
  expect(compareWith('cancel-requested', changedDoc)).toEqual(told('compatible'))
})

test('a field that came, went or changed its type without a default is incompatible either way', () => {
  const came = release(({ fields, ...schema }) => ({ ...schema, fields: fields.slice(0, -1) }))
  const went = release(({ fields, ...schema }) => ({
    ...schema,
    fields: [...fields, { name: 'reason', type: 'string', doc: 'Why.' }],
  }))
  const changed = release(({ fields, ...schema }) => ({
    ...schema,
    fields: fields.map((field) => (field.name === 'requestedAtMs' ? { ...field, type: 'string' } : field)),
  }))
  const widened = release(({ fields, ...schema }) => ({
    ...schema,
    fields: fields.map((field) => (field.name === 'requestedAtMs' ? { ...field, type: 'int' } : field)),
  }))
  const compared = [came, went, changed, widened].map((before) => compareWith('cancel-requested', before))
  expect(compared).toEqual(Array(4).fill({ ...told('incompatible'), problem: expect.stringMatching(/./) }))
})

/** A release of cancel-requested, changed from today's schema. */
function release(change: (schema: Json) => Json): { id: number; event: string; text: string } {
  const text = JSON.stringify(change(JSON.parse(inlined('cancel-requested'))), null, 2)
  return { id: 2, event: 'cancel-requested', text }
}

function told(state: string): object {
  return { event: 'cancel-requested', releasedId: 2, state, problem: '' }
}
