import { expect, test } from 'vitest'
import { variablesOf } from './template-variables.js'

const none = { locale: 'en', defaults: {} }

test('null is no value: a default stands for it, inside of objects too', () => {
  const defaults = { name: 'there', user: { name: 'friend', town: 'Graz' }, code: null }
  expect(
    variablesOf({ locale: 'en', defaults }, 'en', { name: null, user: { name: null }, code: null, other: null }),
  ).toEqual({
    name: 'there',
    user: { name: 'friend', town: 'Graz' },
    code: null,
    other: null,
  })
})

test('an empty text, zero, false and an empty list are values', () => {
  const defaults = { a: 'x', b: 1, c: true, d: ['x'], e: { x: 1 } }
  const data = { a: '', b: 0, c: false, d: [], e: 'text' }
  expect(variablesOf({ locale: 'en', defaults }, 'en', data)).toEqual(data)
})

test('a locale has its own defaults, over its language’s and the template’s', () => {
  const template = {
    locale: 'en-GB',
    defaults: { name: 'there', sign: 'We', link: '/' },
    localeDefaults: {
      de: { name: 'du', sign: 'Wir' },
      'de-AT': { name: 'Sie' },
      fr: { name: 'toi' },
      en: { link: '/en' },
    },
  }
  expect([
    variablesOf(template, 'en-GB', {}),
    variablesOf(template, 'en', {}),
    variablesOf(template, 'de', {}),
    variablesOf(template, 'de-AT', { link: null }),
    variablesOf(template, 'fr', { sign: 'Nous' }),
    variablesOf(template, 'constructor', {}),
  ]).toEqual([
    template.defaults,
    { ...template.defaults, link: '/en' },
    { name: 'du', sign: 'Wir', link: '/' },
    { name: 'Sie', sign: 'Wir', link: '/' },
    { name: 'toi', sign: 'Nous', link: '/' },
    template.defaults,
  ])
})

test('a key __proto__ stays a plain key', () => {
  const data: Record<string, unknown> = JSON.parse('{"__proto__":{"town":"Rome"},"user":{"__proto__":{"a":1}}}')
  for (const template of [none, { ...none, defaults: { town: 'Graz', user: { b: 2 } } }]) {
    const variables = variablesOf(template, 'en', data)
    expect(Object.getPrototypeOf(variables)).toBe(Object.prototype)
    expect(Object.keys(variables)).toContain('__proto__')
  }
})
