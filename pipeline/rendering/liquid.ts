/** Liquid for templates that are not trusted: no files, no code, own properties only, everything bounded.
 *  Runs in a worker thread: a filter over a large list can still take long, and a thread can be killed. */
import {
  type Context,
  type Emitter,
  Liquid,
  LiquidError,
  ParseError,
  type Template,
  TokenizationError,
  toValue,
  toValueSync,
  UndefinedVariableError,
} from 'liquidjs'
import { registerDateFilters } from './date-filters.js'
import { registerDecimalFilters } from './decimal-filters.js'
import { missingVariable, outputTooLarge, RenderFailure } from './failure.js'
import { printHtml, registerHtmlFilters } from './html-filters.js'
import { htmlOf, Markup, markupPiece, type Piece, Printed } from './markup.js'
import type { Format, Render, Variables } from './message.js'
import { printed } from './printed.js'
import { lenientElements, TemplateContext } from './template-context.js'
import { registerHtmlTags, registerTags } from './template-tags.js'

/** What one source may take. */
export interface LiquidLimits {
  /** UTF-8 bytes of output. */
  readonly outputBytes: number
  /** Characters and list elements that filters, ranges and captures make. */
  readonly memoryUnits: number
}

/** Tags that neither read files nor write to the variables, as include, render, layout and increment do. */
const allowedTags: ReadonlySet<string> = new Set([
  'assign',
  'break',
  'capture',
  'case',
  'comment',
  'continue',
  'cycle',
  'echo',
  'for',
  'if',
  'raw',
  'unless',
  '#',
])

export interface LiquidEngine {
  /** Throws `RenderFailure` where the source cannot be parsed. */
  readonly compile: (source: string, format: Format, renderMs: number) => Render
  /** What is wrong with a source; null: nothing. */
  readonly problem: (source: string) => string | null
}

export function createLiquid(limits: LiquidLimits): LiquidEngine {
  const engines = { plain: hardened('plain'), html: hardened('html') }
  const compile = (source: string, format: Format, renderMs: number): Render => {
    const templates = parse(engines[format], source)
    return (variables) => render(engines[format], templates, variables, limits, renderMs)
  }
  const problem = (source: string) => {
    try {
      parse(engines.plain, source)
      return null
    } catch (error) {
      return error instanceof RenderFailure ? error.message : 'The template is too deep.'
    }
  }
  return { compile, problem }
}

function hardened(format: Format): Liquid {
  const liquid = new Liquid({
    // Liquid hands on whatever it gives, though its types say text.
    ...(format === 'html' ? { outputEscape: printHtml as unknown as (value: unknown) => string } : {}),
    templates: {},
    ownPropertyOnly: true,
    strictVariables: true,
    strictFilters: true,
    lenientIf: true,
  })
  for (const name of Object.keys(liquid.tags)) if (!allowedTags.has(name)) delete liquid.tags[name]
  registerDateFilters(liquid)
  registerDecimalFilters(liquid)
  lenientElements(liquid)
  registerTags(liquid)
  if (format === 'html') {
    registerHtmlFilters(liquid)
    registerHtmlTags(liquid)
  }
  boundCaptures(liquid, format)
  return liquid
}

/** What `capture` gathers has no emitter of ours: it gets one that is charged as memory. */
function boundCaptures({ renderer }: Liquid, format: Format): void {
  const renderTemplates = renderer.renderTemplates.bind(renderer)
  renderer.renderTemplates = (templates, context, emitter) => {
    if (emitter) return renderTemplates(templates, context, emitter)
    const charge = (text: string) => context.memoryLimit.use(text.length)
    return renderTemplates(templates, context, format === 'html' ? gatherMarkup(charge) : gather(charge))
  }
}

function parse(liquid: Liquid, source: string): Template[] {
  try {
    return liquid.parse(source)
  } catch (error) {
    throw failureOf(error)
  }
}

function render(
  liquid: Liquid,
  templates: Template[],
  variables: Variables,
  limits: LiquidLimits,
  renderMs: number,
): string {
  const context = new TemplateContext(variables, liquid.options, { sync: true }, { liquid })
  bound(context, limits, renderMs)
  const emitter = gather(outputCounter(limits.outputBytes))
  try {
    toValueSync(liquid.renderer.renderTemplates(templates, context, emitter))
    return emitter.buffer
  } catch (error) {
    throw failureOf(error)
  }
}

/** Puts our own limits in the place of the engine's, whose errors are told apart by their text only. */
function bound(context: Context, { memoryUnits }: LiquidLimits, renderMs: number): void {
  let unitsLeft = memoryUnits
  context.memoryLimit.use = (count) => {
    if (!(Number(count) > 0)) return
    unitsLeft -= Number(count)
    if (unitsLeft < 0) throw new RenderFailure('template-memory', 'The template takes too much memory.')
  }
  const deadlineMs = performance.now() + renderMs
  context.renderLimit.check = (nowMs) => {
    if (nowMs > deadlineMs)
      throw new RenderFailure('template-timeout', `The template takes longer than ${renderMs} ms.`)
  }
}

function gather(charge: (text: string) => void): Emitter {
  const emitter = {
    buffer: '',
    write: (value: unknown) => {
      const text = value instanceof Printed ? value.pieces.map(htmlOf).join('') : printed(toValue(value))
      charge(text)
      emitter.buffer += text
    },
  }
  return emitter
}

/** Keeps apart what is the template's own and what an output gave: what is captured is escaped where it is printed. */
function gatherMarkup(charge: (text: string) => void): Emitter {
  const pieces: Piece[] = []
  return {
    get buffer() {
      // What the capture tag keeps: any value, though Liquid's types say text.
      return Markup.of(pieces) as string
    },
    write: (value: unknown) => {
      const more = value instanceof Printed ? value.pieces : [markupPiece(printed(toValue(value)))]
      for (const piece of more) charge(piece.text)
      pieces.push(...more)
    },
  }
}

function outputCounter(limitBytes: number): (text: string) => void {
  let bytes = 0
  return (text) => {
    // A text's bytes are counted only when its characters may fit: it may be a rope of gigabytes.
    bytes += text.length > limitBytes ? text.length : Buffer.byteLength(text)
    if (bytes > limitBytes) throw outputTooLarge(limitBytes)
  }
}

/** Told without values: a place in the template's source, or a variable's name. */
function failureOf(error: unknown): RenderFailure {
  if (error instanceof RenderFailure) return error
  if (!(error instanceof LiquidError)) {
    return new RenderFailure('render-failed', 'The template could not be rendered.', { cause: error })
  }
  const cause: unknown = error.originalError
  if (cause instanceof RenderFailure) return cause
  if (error instanceof UndefinedVariableError) return undefinedVariable(error, cause)
  if (error instanceof ParseError || error instanceof TokenizationError) {
    return new RenderFailure('template-invalid', error.message, { cause: error })
  }
  return new RenderFailure('render-failed', `${excerpt(error)} could not be rendered.`, { cause: error })
}

/** A computed name (`users[email]`) may be a value: then the source is shown, not the name. */
function undefinedVariable(error: UndefinedVariableError, cause: unknown): RenderFailure {
  const source = error.token.getText()
  const name = cause instanceof Error && 'variableName' in cause ? cause.variableName : undefined
  if (name === undefined) return new RenderFailure('render-failed', `${excerpt(error)} could not be read.`)
  return missingVariable(source.includes('[') ? source : String(name))
}

const excerptCharacters = 80

function excerpt({ token }: LiquidError): string {
  return `"${token.getText().slice(0, excerptCharacters)}"`
}
