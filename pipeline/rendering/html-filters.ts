/** Liquid's filters for HTML: they keep apart what is markup and what is text, so that only the printing escapes. */
import { type Liquid, toValue } from 'liquidjs'
import { joinedBy, Markup, mapped, markupPiece, type Piece, Printed, splitBy, textPiece } from './markup.js'
import { printed } from './printed.js'
import { handlerOf } from './template-context.js'

/** What is printed of a value: markup as it is, text to be escaped. */
export function printHtml(value: unknown): Printed {
  return value instanceof Printed ? value : new Printed(piecesOf(value))
}

/** Puts them in the place of Liquid's own. */
export function registerHtmlFilters(liquid: Liquid): void {
  for (const [name, filter] of Object.entries(liquid.filters)) {
    const plain = handlerOf(filter)
    liquid.registerFilter(name, function (value: unknown, ...args: unknown[]) {
      const pieces = filters[name]?.({ value, args, plain: (one) => String(plain.call(this, one, ...args)) })
      if (pieces) {
        this.context.memoryLimit.use(pieces.reduce((sum, { text }) => sum + text.length, 0))
        return Markup.of(pieces)
      }
      if (name === 'split' && value instanceof Markup) return split(value, printed(toValue(args[0])))
      const made: unknown = plain.call(this, value, ...args)
      return [value, ...args].some(hasMarkup) ? asText(made) : made
    })
  }
}

interface Call {
  readonly value: unknown
  readonly args: readonly unknown[]
  /** What Liquid's own filter makes of another text. */
  readonly plain: (text: unknown) => string
}

/** Undefined: there is no markup in it, so Liquid's own filter does. */
type HtmlFilter = (call: Call) => readonly Piece[] | undefined

const eachPiece: HtmlFilter = ({ value, plain }) => (value instanceof Markup ? mapped(value.pieces, plain) : undefined)

const allText: HtmlFilter = ({ value }) => [textPiece(textOf(piecesOf(value)))]

/** Filters that know of markup. To all others it is text. */
const filters: Readonly<Record<string, HtmlFilter>> = {
  downcase: eachPiece,
  upcase: eachPiece,
  strip_newlines: eachPiece,
  normalize_whitespace: eachPiece,
  lstrip: trimming(trimmedStart),
  rstrip: trimming(trimmedEnd),
  strip: trimming((pieces) => trimmedEnd(trimmedStart(pieces))),
  append: ({ value, args: [more] }) =>
    hasMarkup(value) || hasMarkup(more) ? [...piecesOf(value), ...piecesOf(more)] : undefined,
  prepend: ({ value, args: [more] }) =>
    hasMarkup(value) || hasMarkup(more) ? [...piecesOf(more), ...piecesOf(value)] : undefined,
  default: eachPieceAsItIs,
  remove: replacing(everywhere),
  remove_first: replacing(first),
  remove_last: replacing(last),
  replace: replacing(everywhere),
  replace_first: replacing(first),
  replace_last: replacing(last),
  join: ({ value, args: [separator = ' '] }) =>
    Array.isArray(value) && (hasMarkup(value) || hasMarkup(separator))
      ? joinedBy(value.map(piecesOf), piecesOf(separator))
      : undefined,
  newline_to_br: ({ value }) => joinedBy(splitBy(piecesOf(value), /\r?\n/), [markupPiece('<br />\n')]),
  escape: allText,
  xml_escape: allText,
  escape_once: ({ value, plain }) => [markupPiece(plain(value))],
  raw: (call) => eachPieceAsItIs(call) ?? [markupPiece(textOf(piecesOf(call.value)))],
}

function eachPieceAsItIs({ value }: Call): readonly Piece[] | undefined {
  return value instanceof Markup ? value.pieces : undefined
}

/** Blanks only: what else is to be trimmed is given as an argument, and then it is all text. */
function trimming(trim: (pieces: readonly Piece[]) => readonly Piece[]): HtmlFilter {
  return ({ value, args }) => (value instanceof Markup && args.length === 0 ? trim(value.pieces) : undefined)
}

function trimmedStart(pieces: readonly Piece[]): Piece[] {
  const start = pieces.findIndex(({ text }) => text.trim() !== '')
  const [opening, ...others] = start === -1 ? [] : pieces.slice(start)
  return opening ? [{ ...opening, text: opening.text.trimStart() }, ...others] : []
}

function trimmedEnd(pieces: readonly Piece[]): Piece[] {
  const end = pieces.findLastIndex(({ text }) => text.trim() !== '')
  const closing = pieces[end]
  return closing ? [...pieces.slice(0, end), { ...closing, text: closing.text.trimEnd() }] : []
}

type Replace = (pieces: readonly Piece[], pattern: string, by: readonly Piece[]) => readonly Piece[]

function replacing(replace: Replace): HtmlFilter {
  return ({ value, args: [pattern, by = ''] }) =>
    hasMarkup(value) || hasMarkup(by) ? replace(piecesOf(value), textOf(piecesOf(pattern)), piecesOf(by)) : undefined
}

function everywhere(...[pieces, pattern, by]: Parameters<Replace>): readonly Piece[] {
  return joinedBy(splitBy(pieces, pattern), by)
}

function first(...[pieces, pattern, by]: Parameters<Replace>): readonly Piece[] {
  const index = pieces.findIndex(({ text }) => text.includes(pattern))
  return replacedAt(pieces, index, pieces[index]?.text.indexOf(pattern) ?? 0, pattern.length, by)
}

function last(...[pieces, pattern, by]: Parameters<Replace>): readonly Piece[] {
  const index = pieces.findLastIndex(({ text }) => text.includes(pattern))
  return replacedAt(pieces, index, pieces[index]?.text.lastIndexOf(pattern) ?? 0, pattern.length, by)
}

function replacedAt(
  pieces: readonly Piece[],
  index: number,
  start: number,
  length: number,
  by: readonly Piece[],
): readonly Piece[] {
  const piece = pieces[index]
  if (!piece) return pieces
  const [before, after] = [piece.text.slice(0, start), piece.text.slice(start + length)]
  return [
    ...pieces.slice(0, index),
    { ...piece, text: before },
    ...by,
    { ...piece, text: after },
    ...pieces.slice(index + 1),
  ]
}

/** The parts of a text, without empty ones at the end, as Liquid has it. */
function split({ pieces }: Markup, separator: string): (Markup | string)[] {
  const parts = splitBy(pieces, separator).map(Markup.of)
  return parts.slice(0, parts.findLastIndex((part) => part !== '') + 1)
}

/** A value's pieces: of lists, those of the elements. */
function piecesOf(value: unknown): readonly Piece[] {
  if (value instanceof Markup) return value.pieces
  const plain: unknown = toValue(value)
  return Array.isArray(plain) ? plain.flatMap(piecesOf) : [textPiece(printed(plain))]
}

function textOf(pieces: readonly Piece[]): string {
  return pieces.map(({ text }) => text).join('')
}

function hasMarkup(value: unknown): boolean {
  return value instanceof Markup || (Array.isArray(value) && value.some(hasMarkup))
}

/** What a filter made of markup that it took for text. */
function asText(made: unknown): unknown {
  if (typeof made === 'string') return Markup.of([textPiece(made)])
  return Array.isArray(made) ? made.map(asText) : made
}
