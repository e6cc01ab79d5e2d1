/** Files that are served: a closed list, each at its own path, read once. */
import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import type { IngressApp } from './endpoint.js'

export interface StaticFile {
  /** Where it is served. */
  readonly path: string
  /** A file, or the content itself. */
  readonly source: URL | string
}

const mediaTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
}

/** Nothing but what Carillon itself serves, and no script in a page. Styles in a page are let through: the console
 *  shows e-mails in a frame without scripts, and Swagger UI styles its parts. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ')

/** Tells whether a file of this name can be served. */
export function isServable(name: string): boolean {
  return extname(name) in mediaTypes
}

/** Serves the files, each by its path's ending; what has none is a page. */
export function serveFiles(app: IngressApp, files: readonly StaticFile[]): void {
  for (const { path, source } of files) {
    let content: Promise<Uint8Array<ArrayBuffer>> | null = null
    const headers = {
      'content-type': mediaTypes[extname(path)] ?? 'text/html; charset=utf-8',
      'content-security-policy': contentSecurityPolicy,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-cache',
    }
    app.get(path, async (c) => {
      c.set('route', path)
      content ??= typeof source === 'string' ? Promise.resolve(new TextEncoder().encode(source)) : read(source)
      return c.body(await content, 200, headers)
    })
  }
}

async function read(file: URL): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readFile(file))
}
