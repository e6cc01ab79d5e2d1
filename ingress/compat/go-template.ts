/** Translates Go's text/template, as far as it prints variables, into Liquid that renders the same text:
 *  `{{.Name}}`, `{{ .User.Name }}`, `{{- .Name -}}`, `{{$.Name}}` and comments.
 *  Source: https://pkg.go.dev/text/template ("Actions", "Text and spaces").
 *
 *  Invariant: what is text in Go is text in Liquid, also where it looks like a tag. */
import { liquidWords } from '../../schemas/liquid-words.js'

export type Translated =
  | { readonly ok: true; readonly liquid: string }
  /** `at`: characters before what is not understood. */
  | { readonly ok: false; readonly at: number; readonly message: string }

/** An action whose `{{` has been found: what is in it, and whether it trims the text before and after. A comment stands
 *  close to its braces, and may hold others. */
const action = /\{\{(-(?=[ \t\r\n])|)([\s\S]*?)([ \t\r\n]-|)\}\}/y
const comment = /\{\{(-[ \t\r\n]+|)\/\*[\s\S]*?\*\/([ \t\r\n]+-|)\}\}/y
const variable = /^[ \t\r\n]*\$?((?:\.[\p{L}_][\p{L}\p{Nd}_]*)+)[ \t\r\n]*$/u

/** The Liquid source, or what is not understood. */
export function translateGoTemplate(source: string): Translated {
  const pieces: string[] = []
  let text = ''
  let trims = false
  let end = 0
  const take = (more: string) => {
    text += trims ? more.replace(/^[ \t\r\n]+/, '') : more
  }
  for (let start = source.indexOf('{{'); start !== -1; start = source.indexOf('{{', end)) {
    take(source.slice(end, start))
    const said = at(comment, source, start)
    const found = said ?? at(action, source, start)
    if (!found) return { ok: false, at: start, message: 'Not closed: {{ needs }}.' }
    const [all, before] = found
    if (before) text = text.replace(/[ \t\r\n]+$/, '')
    trims = found.at(-1) !== ''
    end = start + all.length
    if (said) continue
    const [, , inner = ''] = found
    const path = variable.exec(inner)?.[1]
    if (path === undefined) {
      return { ok: false, at: start, message: 'Only variables such as {{.Name}} are understood.' }
    }
    pieces.push(literal(text, true), output(path.slice(1)))
    text = ''
  }
  take(source.slice(end))
  return { ok: true, liquid: `${pieces.join('')}${literal(text, false)}` }
}

function at(form: RegExp, source: string, start: number): RegExpExecArray | null {
  form.lastIndex = start
  return form.exec(source)
}

function output(path: string): string {
  const [first = '', ...rest] = path.split('.')
  if (!liquidWords.has(first)) return `{{ ${path} }}`
  return `{{ ${[`["${first}"]`, ...rest].join('.')} }}`
}

/** Text that Liquid takes for text. */
function literal(text: string, isBeforeOutput: boolean): string {
  const safe = text.replaceAll('{%', '{% raw %}{%{% endraw %}')
  return isBeforeOutput && safe.endsWith('{') ? `${safe.slice(0, -1)}{% raw %}{{% endraw %}` : safe
}
