/** Liquid's dates in UTC, or in the zone that the template names: `date: "%H:%M", "Europe/Berlin"`. Liquid's own reckon
 *  with the host's zone on the way, and go wrong where its clocks change.
 *  Invariant: the same value gives the same text on every host. */
import { type Liquid, toValue } from 'liquidjs'
import { parseInstant } from './instant.js'
import { printed } from './printed.js'
import { formatTime, type WallTime, wallTime } from './strftime.js'

const formatDefault = '%A, %B %-e, %Y at %-l:%M %P %z'

type FormatOf = (time: WallTime, args: readonly unknown[]) => string

/** Puts them in the place of Liquid's own. What is no time stays as it is. */
export function registerDateFilters(liquid: Liquid): void {
  const register = (name: string, formatOf: FormatOf, zoneOf = (_: readonly unknown[]): unknown => undefined) =>
    liquid.registerFilter(name, function (value: unknown, ...args: unknown[]) {
      const instantMs = parseInstant(toValue(value))
      if (instantMs === undefined) return value
      const time = wallTime(instantMs, toValue(zoneOf(args)))
      const { memoryLimit } = this.context
      return formatTime(time, formatOf(time, args), (characters) => memoryLimit.use(characters))
    })

  register(
    'date',
    (_, [format]) => printed(toValue(format) ?? formatDefault),
    ([, zone]) => zone,
  )
  register('date_to_xmlschema', () => '%Y-%m-%dT%H:%M:%S%:z')
  register('date_to_rfc822', () => '%a, %d %b %Y %H:%M:%S %z')
  register('date_to_string', (time, args) => dayFormat(time, '%b', args))
  register('date_to_long_string', (time, args) => dayFormat(time, '%B', args))
}

function dayFormat({ clock }: WallTime, month: string, [type, style]: readonly unknown[]): string {
  if (type !== 'ordinal') return `%d ${month} %Y`
  const day = clock.getUTCDate()
  return style === 'US' ? `${month} ${day}%q, %Y` : `${day}%q ${month} %Y`
}
