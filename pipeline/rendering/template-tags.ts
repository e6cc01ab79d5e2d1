/** Liquid's tags that print or keep values, as templates that are not trusted need them. */
import {
  AssignTag,
  CycleTag,
  EchoTag,
  Filter,
  type FilterImplOptions,
  type Liquid,
  Tokenizer,
  type Value,
} from 'liquidjs'
import { printHtml } from './html-filters.js'

/** Assigning makes something of a missing variable only where the template says what: `default`. Without filters the
 *  variable stays missing under its new name, so that `if` may ask for it. */
class StrictAssign extends AssignTag {
  override *render(...[context]: Parameters<AssignTag['render']>): ReturnType<AssignTag['render']> {
    const { key, value } = this as unknown as { readonly key: string; readonly value: Value }
    Reflect.set(context.bottom(), key, yield value.value(context, value.filters.length === 0))
  }
}

/** A name that no template can write. */
const print = '(print)'

const printFilter: FilterImplOptions = { handler: printHtml, raw: true }

class HtmlEcho extends EchoTag {
  constructor(...[token, remaining, liquid]: ConstructorParameters<typeof EchoTag>) {
    super(token, remaining, liquid)
    const { value } = this as unknown as { readonly value?: Value }
    value?.filters.push(new Filter(printToken(), printFilter, liquid))
  }
}

class HtmlCycle extends CycleTag {
  constructor(...[token, remaining, liquid]: ConstructorParameters<typeof CycleTag>) {
    super(token, remaining, liquid)
    const { candidates } = this as unknown as { readonly candidates: readonly Pick<FilteredValue, 'filters'>[] }
    for (const { filters } of candidates) filters.push(printToken())
  }
}

type FilteredValue = ReturnType<Tokenizer['readFilteredValue']>

function printToken(): FilteredValue['filters'][number] {
  const [token] = new Tokenizer('x | print').readFilteredValue().filters
  if (!token) throw new Error('Liquid reads no filter.')
  return Object.assign(token, { name: print })
}

export function registerTags(liquid: Liquid): void {
  liquid.registerTag('assign', StrictAssign)
}

/** Tags of HTML: Liquid turns what they print into plain text before it escapes it. */
export function registerHtmlTags(liquid: Liquid): void {
  liquid.registerFilter(print, printFilter)
  liquid.registerTag('echo', HtmlEcho)
  liquid.registerTag('cycle', HtmlCycle)
}
