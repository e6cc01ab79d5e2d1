/** Why a template gave no message. */

export type RenderReason =
  | 'missing-variable'
  | 'not-text'
  | 'output-too-large'
  | 'template-timeout'
  | 'template-memory'
  | 'template-quarantined'
  | 'template-invalid'
  | 'render-failed'

/** A template's own failure. `message` names variables and places in the template, never a value. */
export class RenderFailure extends Error {
  override readonly name = 'RenderFailure'
  constructor(
    readonly code: RenderReason,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }

  /** The same failure, told with the part of the message in which it came up. */
  in(place: string): RenderFailure {
    return new RenderFailure(this.code, `${place}: ${this.message}`, { cause: this })
  }
}

export function missingVariable(name: string): RenderFailure {
  return new RenderFailure('missing-variable', `The variable "${name}" is missing.`)
}

export function outputTooLarge(limitBytes: number): RenderFailure {
  return new RenderFailure('output-too-large', `The output is larger than ${limitBytes} bytes.`)
}

export function notText(): RenderFailure {
  return new RenderFailure('not-text', 'An object cannot be printed: name one of its parts, or print it with | json.')
}
