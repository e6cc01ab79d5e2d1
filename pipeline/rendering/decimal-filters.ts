/** Liquid's arithmetic in decimal: 0.1 plus 0.2 is 0.3. A binary double is taken for the shortest decimal that stands
 *  for it, which is the one that was written. */
import { Big } from 'big.js'
import { type Liquid, toValue } from 'liquidjs'
import { RenderFailure } from './failure.js'

/** Digits of a quotient that does not end: more than a double holds. */
const quotientDigits = 25
/** Places of a double, before the point and behind it. */
const maxPlaces = 330
/** Characters of a number that is given as text. More are no amount of anything. */
const maxText = 100

/** Puts them in the place of Liquid's own. */
export function registerDecimalFilters(liquid: Liquid): void {
  liquid.registerFilter('plus', (left: unknown, right: unknown) => calculated(left, right, (a, b) => a.plus(b)))
  liquid.registerFilter('minus', (left: unknown, right: unknown) => calculated(left, right, (a, b) => a.minus(b)))
  liquid.registerFilter('times', (left: unknown, right: unknown) => calculated(left, right, (a, b) => a.times(b)))
  liquid.registerFilter('divided_by', (left: unknown, right: unknown, isWhole: unknown = false) =>
    calculated(left, right, (a, b) => (toValue(isWhole) ? floor(quotient(a, b)) : quotient(a, b))),
  )
  liquid.registerFilter('modulo', (left: unknown, right: unknown) =>
    calculated(left, right, (a, b) => modulo(a, notZero(b))),
  )
  liquid.registerFilter('round', (value: unknown, places: unknown = 0) =>
    calculated(value, places, (a, b) => rounded(a, b.toNumber())),
  )
  liquid.registerFilter('ceil', (value: unknown) => calculated(value, 0, (a) => floor(a.neg()).neg()))
  liquid.registerFilter('floor', (value: unknown) => calculated(value, 0, floor))
  liquid.registerFilter('sum', function* (list: unknown, property?: unknown): IterableIterator<unknown> {
    const items: unknown = toValue(list) ?? []
    let sum: number | string = 0
    for (const item of Array.isArray(items) ? items : [items]) {
      const more: unknown = property ? yield this.context._getFromScope(item, String(property), false) : item
      sum = calculated(sum, more, (a, b) => a.plus(b))
    }
    return sum
  })
}

/** A number; an integer that no double holds, as text. Throws `RenderFailure` for what is too large for both. */
function calculated(left: unknown, right: unknown, calculate: (a: Big, b: Big) => Big): number | string {
  const result = calculate(decimalOf(left), decimalOf(right))
  const double = result.toNumber()
  if (!Number.isFinite(double)) throw new RenderFailure('render-failed', 'A number gets too large.')
  const isLost = result.e >= 15 && result.e < 21 && !result.eq(double) && result.eq(result.round(0))
  return isLost ? result.toFixed() : double
}

/** 0 for what is no number, as Liquid has it. */
function decimalOf(value: unknown): Big {
  const plain: unknown = toValue(value)
  const isExact = typeof plain === 'string' && plain.length <= maxText && /^\s*[+-]?\d+(?:\.\d+)?\s*$/.test(plain)
  if (isExact) return new Big(plain.trim().replace('+', ''))
  const double = Number(plain)
  return Number.isFinite(double) ? new Big(double) : new Big(0)
}

/** Its places count from its first digit, so that small ones are not cut off. */
function quotient(a: Big, b: Big): Big {
  const divisor = notZero(b)
  const Decimal = Big()
  Decimal.DP = Math.max(0, quotientDigits - (a.e - divisor.e))
  return new Decimal(a).div(divisor)
}

/** With the sign of the divisor. */
function modulo(a: Big, b: Big): Big {
  const rest = a.mod(b)
  return rest.eq(0) || rest.s === b.s ? rest : rest.plus(b)
}

function floor(value: Big): Big {
  const whole = value.round(0, Big.roundDown)
  return whole.gt(value) ? whole.minus(1) : whole
}

/** Halves away from zero. */
function rounded(value: Big, places: number): Big {
  return value.round(Math.max(-maxPlaces, Math.min(maxPlaces, Math.trunc(places))), Big.roundHalfUp)
}

function notZero(divisor: Big): Big {
  if (divisor.eq(0)) throw new RenderFailure('render-failed', 'A number cannot be divided by zero.')
  return divisor
}
