import { expect, test } from 'vitest'
import { translateGoTemplate } from './go-template.js'

test.each([
  ['Hello {{.Name}}!', 'Hello {{ Name }}!'],
  ['{{ .User.Name }} and {{$.Other}}', '{{ User.Name }} and {{ Other }}'],
  ['a  {{- .X -}}  b', 'a{{ X }}b'],
  ['a  {{- /* note */ -}}  b', 'ab'],
  ['{{/* note */}}plain', 'plain'],
  ['{{/* {{.Name}} */}}a{{.B}}', 'a{{ B }}'],
  ['{{.Name}}{{/* }} */}}!', '{{ Name }}!'],
  ['100 {% off %} for {{.Name}}', '100 {% raw %}{%{% endraw %} off %} for {{ Name }}'],
  ['{ {{- .X}}', '{% raw %}{{% endraw %}{{ X }}'],
  ['{{.Größe}}', '{{ Größe }}'],
  ['{{.empty}} {{.true.x}}', '{{ ["empty"] }} {{ ["true"].x }}'],
  ['no variables } }}', 'no variables } }}'],
])('%s becomes Liquid of the same text', (go, liquid) => {
  expect(translateGoTemplate(go)).toEqual({ ok: true, liquid })
})

test.each([
  ['Hi {{Name}}', 3],
  ['{{if .X}}y{{end}}', 0],
  ['{{.X | printf "%s"}}', 0],
  ['{{.}}', 0],
  ['{{{.X}}}', 0],
  ['a {{.X', 2],
  ['{{"text"}}', 0],
  ['{{.1st}}', 0],
  ['{{ /* c */ }}', 0],
  ['{{/* x */ }}', 0],
  ['{{\u00a0.X}}', 0],
])('%s is refused with its place', (go, at) => {
  expect(translateGoTemplate(go)).toMatchObject({ ok: false, at })
})
