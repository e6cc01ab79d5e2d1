/** The pages of the documentation, for their tests. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

/** The compiled file stands in dist/testing/docs. */
export const root = join(import.meta.dirname, '..', '..', '..')

/** One Markdown file; `path` is from the root, with slashes. */
export interface Page {
  readonly path: string
  readonly text: string
}

/** The reference: every page of docs/ and SECURITY.md. */
export const reference: readonly Page[] = [
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => pageAt(`docs/${name}`)),
  pageAt('SECURITY.md'),
]

export const readme = pageAt('README.md')

export function pageAt(path: string): Page {
  return { path, text: readFileSync(join(root, path), 'utf8') }
}

/** The page without its code blocks, where a `#` begins a comment and no heading. */
export function proseOf({ text }: Page): string {
  return text.replaceAll(/^```[\s\S]*?^```$/gm, '')
}

/** Its links to other files of the project, from the root, each with the heading that it points to. */
export function linksOf(page: Page): { readonly target: string; readonly anchor: string }[] {
  const found = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)|<img src="([^"]+)"/g)].map(
    ([, link, image]) => link ?? image ?? '',
  )
  return found
    .filter((link) => !/^https?:/.test(link))
    .map((link) => {
      const [path = '', anchor = ''] = link.split('#')
      const target = path === '' ? page.path : posix.join(posix.dirname(page.path), path)
      return { target, anchor }
    })
}

/** The anchors of its headings, as GitHub makes them. */
export function anchorsOf(page: Page): string[] {
  return [...proseOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
