/** How tests call the app. Whatever is answered is held to what the OpenAPI document declares. */
import { createApp } from '../../ingress/app.js'
import type { IngressApp } from '../../ingress/endpoint.js'
import type { IngressOptions } from '../../ingress/options.js'
import { createFakePorts, fakeOptions } from './ports-fake.js'

/** An answer, its body parsed. */
export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly body: unknown
}

/** An app on fake ports. */
export function testClient(options: Partial<IngressOptions> = {}) {
  const fake = createFakePorts()
  const app = createApp(fake, { ...fakeOptions, ...options })
  return {
    fake,
    app,
    get: (path: string, headers = {}) => call(app, 'GET', path, undefined, headers),
    post: (path: string, body?: unknown, headers = {}) => call(app, 'POST', path, body, headers),
    put: (path: string, body?: unknown, headers = {}) => call(app, 'PUT', path, body, headers),
    patch: (path: string) => call(app, 'PATCH', path, undefined, {}),
    delete: (path: string) => call(app, 'DELETE', path, undefined, {}),
  }
}

/** The errors of a problem, as `path: message`. */
export function errorsOf({ body }: Answered): string[] {
  const { errors } = body as { errors: { path: string; message: string }[] }
  return errors.map(({ path, message }) => `${path}: ${message}`)
}

/** What is wrong first, and the status. */
export function refusal(answered: Answered): [number, ...string[]] {
  return [answered.status, ...errorsOf(answered)]
}

async function call(
  app: IngressApp,
  method: string,
  path: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<Answered> {
  const sent = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await app.request(path, {
    method,
    headers: { ...(sent !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(sent !== undefined && { body: sent }),
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json')
  const answered = { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
  holdToDocument(app, method, path, answered)
  return answered
}

interface DeclaredResponse {
  readonly content?: Record<string, { readonly schema?: { readonly parse?: (value: unknown) => unknown } }>
}

function holdToDocument(app: IngressApp, method: string, path: string, { status, headers, body }: Answered): void {
  const [route] = app.openAPIRegistry.definitions.flatMap((definition) =>
    definition.type === 'route' &&
    definition.route.method.toUpperCase() === method &&
    matches(definition.route.path, path)
      ? [definition.route]
      : [],
  )
  if (!route) return
  const declared = route.responses as Record<string, DeclaredResponse>
  const response = declared[status]
  if (!response) throw new Error(`${method} ${route.path} does not declare ${status}`)
  const mediaType = headers.get('content-type')?.split(';')[0] ?? ''
  if (!response.content) {
    if (body !== '') throw new Error(`${method} ${route.path} declares no body with ${status}`)
    return
  }
  const media = response.content[mediaType]
  if (!media) throw new Error(`${method} ${route.path} does not declare ${mediaType} with ${status}`)
  media.schema?.parse?.(body)
}

function matches(template: string, path: string): boolean {
  const [pathname] = path.split('?')
  const templateParts = template.split('/')
  const parts = (pathname ?? '').split('/')
  return (
    parts.length === templateParts.length &&
    templateParts.every((part, index) => part.startsWith('{') || part === parts[index])
  )
}
