/** The tables of routes, from the OpenAPI document. */
import { createApp } from '../../ingress/app.js'
import { createFakePorts, fakeOptions } from '../../testing/ingress/ports-fake.js'
import { codes, table } from './table.js'

interface Operation {
  readonly tags?: readonly string[]
  readonly summary?: string
  readonly parameters?: readonly { readonly name: string; readonly in: string }[]
}

/** Carillon's own routes, or those of the contracts that it answers for other systems. */
export async function routeTable(which: 'own' | 'contracts'): Promise<string> {
  const operations = (await allOperations()).filter(({ tag }) => (which === 'contracts') === isContract(tag))
  return table(
    ['request', 'what it does', 'query parameters'],
    operations.map(({ request, tag, operation: { summary = '', parameters = [] } }) => [
      `\`${request}\``,
      which === 'contracts' ? `${tag.split(':')[0]}: ${summary}` : summary,
      codes(parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name)),
    ]),
  )
}

async function allOperations() {
  const answer = await createApp(createFakePorts(), fakeOptions).request('/openapi.json')
  const { paths } = (await answer.json()) as { paths: Record<string, Record<string, Operation>> }
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      request: `${method.toUpperCase()} ${path}`,
      tag: operation.tags?.[0] ?? '',
      operation,
    })),
  )
}

function isContract(tag: string): boolean {
  return tag.startsWith('Contract')
}
