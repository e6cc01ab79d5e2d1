/** Text of an HTML template between where it is made and where it is printed.
 *
 *  Invariant: a variable is escaped once, where it is printed, however often it was captured, assigned or filtered
 *  before; and what was captured or escaped never comes out unescaped, not by `raw` either. */
import { Drop } from 'liquidjs'
import { escapeHtml } from './variables.js'

/** A piece is markup, to be printed as it is, or text, to be escaped. */
export interface Piece {
  readonly text: string
  readonly isMarkup: boolean
}

/** A value that knows which of its characters are markup. To filters and comparisons it is the text that a reader of
 *  the template sees: `O'Neil`, not `O&#39;Neil`. */
export class Markup extends Drop {
  readonly #text: string

  private constructor(readonly pieces: readonly Piece[]) {
    super()
    this.#text = pieces.map(({ text }) => text).join('')
  }

  /** The pieces as one value: a string where nothing in them needs escaping. */
  static of(pieces: readonly Piece[]): Markup | string {
    const markup = new Markup(merged(pieces))
    return special.test(markup.#text) ? markup : markup.#text
  }

  get length(): number {
    return this.#text.length
  }

  override valueOf(): string {
    return this.#text
  }

  override toString(): string {
    return this.#text
  }

  toJSON(): string {
    return this.#text
  }
}

const special = /[&<>"']/

/** What an output gives to the emitter. Not a `Drop`, which Liquid would turn into its text on the way. */
export class Printed {
  constructor(readonly pieces: readonly Piece[]) {}
}

export function textPiece(text: string): Piece {
  return { text, isMarkup: false }
}

export function markupPiece(text: string): Piece {
  return { text, isMarkup: true }
}

/** A piece as it stands in HTML. */
export function htmlOf({ text, isMarkup }: Piece): string {
  return isMarkup ? text : escapeHtml(text)
}

/** Each piece changed in the same way. */
export function mapped(pieces: readonly Piece[], change: (text: string) => string): Piece[] {
  return pieces.map(({ text, isMarkup }) => ({ text: change(text), isMarkup }))
}

/** The lists of pieces between separators. */
export function splitBy(pieces: readonly Piece[], separator: string | RegExp): Piece[][] {
  let last: Piece[] = []
  const parts = [last]
  for (const { text, isMarkup } of pieces) {
    const [first = '', ...others] = text.split(separator)
    last.push({ text: first, isMarkup })
    for (const other of others) {
      last = [{ text: other, isMarkup }]
      parts.push(last)
    }
  }
  return parts
}

/** The lists of pieces with others between them. */
export function joinedBy(parts: readonly (readonly Piece[])[], between: readonly Piece[]): Piece[] {
  return parts.flatMap((part, index) => (index === 0 ? part : [...between, ...part]))
}

/** Without empty pieces, and with neighbours of one kind in one piece. */
function merged(pieces: readonly Piece[]): Piece[] {
  const found: Piece[] = []
  for (const piece of pieces) {
    const last = found.at(-1)
    if (piece.text === '') continue
    if (last?.isMarkup === piece.isMarkup) found[found.length - 1] = { ...last, text: last.text + piece.text }
    else found.push(piece)
  }
  return found
}
