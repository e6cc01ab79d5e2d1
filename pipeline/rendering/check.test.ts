import { afterAll, expect, test } from 'vitest'
import { Unavailable } from '../../schemas/errors.js'
import { createTemplateCheck } from './check.js'
import { createRenderer } from './pool.js'

const renderer = createRenderer()
const check = createTemplateCheck(renderer)
afterAll(() => renderer.close())

test('every source that does not parse is told with its path', async () => {
  const channels = {
    email: { subject: 'Hi {{ name }}', html: '<p>{% if %}</p>', text: '{{ name | upcase }}' },
    webhook: { order: { lines: ['{{ line | nope }}', 1, null, '{{ line'] } },
    sms: { text: '{% include "x" %}' },
  }
  expect(await check.problems(channels)).toEqual([
    { path: 'email.html', message: 'invalid value expression: "", line:1, col:9' },
    { path: 'webhook.order.lines.0', message: 'undefined filter: nope, line:1, col:1' },
    { path: 'webhook.order.lines.3', message: 'output "{{ line" not closed, line:1, col:1' },
    { path: 'sms.text', message: 'tag "include" not found, line:1, col:1' },
  ])
})

test('templates that parse have no problems', async () => {
  expect(await check.problems({ sms: { text: 'Hi {{ name }}' } })).toEqual([])
  expect(await check.problems({ sms: { text: '{% if name %}Hi{% endif %}' }, email: {} })).toEqual([])
})

test('a preview shows the parts that the source has', async () => {
  expect(await check.preview('email', { subject: '{{ a }}', html: '{{ a }}' }, { a: '<x>' })).toEqual({
    ok: true,
    message: { subject: '<x>', html: '&lt;x&gt;' },
  })
})

test('a preview that fails names the variable', async () => {
  expect(await check.preview('sms', { text: '{{ a | upcase }} {{ b.c }}' }, { a: 'x', b: {} })).toEqual({
    ok: false,
    reason: 'missing-variable',
    detail: 'text: The variable "b.c" is missing.',
  })
})

test('when rendering is out of order it says to try again', async () => {
  const closed = createRenderer()
  await closed.close()
  const asked = createTemplateCheck(closed).problems({ sms: { text: '{% if a %}{% endif %}' } })
  await expect(asked).rejects.toBeInstanceOf(Unavailable)
})
