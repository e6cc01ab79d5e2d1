import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  anchorsOf,
  linksOf,
  type Page,
  pageAt,
  proseOf,
  readme,
  reference,
  root,
} from '../testing/docs/pages-under-test.js'

const others = ['CONTRIBUTING.md', 'ARCHITECTURE.md', 'CHANGELOG.md', 'bench/results/README.md'].map(pageAt)
/** Shorter ones, like "Do what the message says.", may well stand in two places. */
const repeatedFrom = 50

describe('the pages', () => {
  test.each([readme, ...reference, ...others])('$path links only to files and headings that exist', (page) => {
    expect(linksOf(page).filter((link) => !isThere(link))).toEqual([])
  })

  test('of the reference are linked from the README, and link back', () => {
    const linked = linksOf(readme).map(({ target }) => target)
    expect(reference.filter(({ path }) => !linked.includes(path)).map(({ path }) => path)).toEqual([])
    const back = (page: Page) => linksOf(page).some(({ target }) => target === readme.path)
    expect(reference.filter((page) => !back(page)).map(({ path }) => path)).toEqual([])
  })

  test('say no sentence twice', () => {
    const seen = new Map<string, string[]>()
    for (const page of [readme, ...reference, pageAt('CONTRIBUTING.md')]) {
      for (const sentence of sentencesOf(page)) seen.set(sentence, [...(seen.get(sentence) ?? []), page.path])
    }
    expect([...seen].filter(([, paths]) => paths.length > 1)).toEqual([])
  })

  test('name only scripts of npm that there are', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object }
    const named = [readme, ...reference, ...others].flatMap(({ text }) =>
      [...text.matchAll(/npm run ([a-z]+)/g)].map(([, script = '']) => script),
    )
    expect(named.length).toBeGreaterThan(0)
    expect(named.filter((script) => !(script in scripts))).toEqual([])
  })

  test('that everybody reads first are short', () => {
    expect(Buffer.byteLength(readme.text)).toBeLessThanOrEqual(14 * 1024)
    expect(pageAt('CONTRIBUTING.md').text.split('\n').length).toBeLessThanOrEqual(50)
  })
})

function isThere({ target, anchor }: { readonly target: string; readonly anchor: string }): boolean {
  if (!existsSync(join(root, target))) return false
  return anchor === '' || anchorsOf(pageAt(target)).includes(anchor)
}

/** The sentences of its prose: tables and headings have none. */
function sentencesOf(page: Page): string[] {
  const paragraphs = proseOf(page)
    .replaceAll(/^(?:\||#|<).*$/gm, '')
    .split(/\n\s*\n|^\s*- /m)
  const sentences = paragraphs.flatMap((paragraph) => paragraph.replaceAll(/\s+/g, ' ').split(/(?<=[.:;]) /))
  return sentences.map((sentence) => sentence.trim()).filter(({ length }) => length >= repeatedFrom)
}
