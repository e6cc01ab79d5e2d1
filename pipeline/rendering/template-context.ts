/** How a template looks up its variables.
 *  Invariant: null is no value, so a variable that holds it is missing. A property that a filter asks of a list's
 *  elements is no variable of the template: an element may lack it. */
import { Context, type FilterImplOptions, type filters, type Liquid } from 'liquidjs'
import { Markup } from './markup.js'

export class TemplateContext extends Context {
  /** Names under which filters such as `where_exp` show each element to their expression. */
  readonly #elements: string[] = []

  /** What filters look up in one element. */
  override spawn(scope: object = {}): Context {
    const { opts, globals, sync, ownPropertyOnly, memoryLimit, renderLimit, liquid } = this
    const own = { sync, globals, ownPropertyOnly, strictVariables: false }
    return new TemplateContext(scope, opts, own, { memoryLimit, renderLimit, liquid })
  }

  override readProperty(...[of, key]: Parameters<Context['readProperty']>): unknown {
    return super.readProperty(of instanceof Markup ? Object(of.valueOf()) : of, key) ?? undefined
  }

  override *_get(paths: Parameters<Context['_get']>[0]): IterableIterator<unknown> {
    const isElement = this.strictVariables && this.#elements.some((name) => name === paths[0])
    if (!isElement) return yield super._get(paths)
    this.strictVariables = false
    try {
      return yield super._get(paths)
    } finally {
      this.strictVariables = true
    }
  }

  /** Runs a filter whose expression is shown each element under `name`. */
  *withElements(name: string, filter: () => unknown): IterableIterator<unknown> {
    this.#elements.push(name)
    try {
      return yield filter()
    } finally {
      this.#elements.pop()
    }
  }
}

const expressionFilters = [
  'where_exp',
  'reject_exp',
  'group_by_exp',
  'has_exp',
  'find_exp',
  'find_index_exp',
] as const satisfies readonly (keyof typeof filters)[]

/** Lets the elements of lists lack what filters with an expression ask for. */
export function lenientElements(liquid: Liquid): void {
  for (const name of expressionFilters) {
    const filter = handlerOf(liquid.filters[name])
    liquid.registerFilter(name, function (list: unknown, element: unknown, ...more: unknown[]) {
      const { context } = this
      const run = () => filter.apply(this, [list, element, ...more])
      return context instanceof TemplateContext ? context.withElements(String(element), run) : run()
    })
  }
}

export type Handler = Extract<FilterImplOptions, (...args: never[]) => unknown>

/** What a filter does, however it was registered. */
export function handlerOf(filter: FilterImplOptions | undefined): Handler {
  if (filter === undefined) throw new Error('Liquid lacks a filter that it had.')
  return typeof filter === 'function' ? filter : filter.handler
}
