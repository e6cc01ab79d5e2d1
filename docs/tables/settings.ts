/** The tables of the configuration, from the schemas that parse it. */
import { z } from 'zod'
import { environmentSchema } from '../../pipeline/config/environment.js'
import { fileSchema } from '../../pipeline/config/file.js'
import { tracingVariables } from '../../pipeline/config/tracing.js'
import { codes, table } from './table.js'

/** What JSON Schema says of one setting, and what the schemas of the configuration add to it. */
interface Setting {
  readonly type?: string
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly maxItems?: number
  readonly enum?: readonly string[]
  readonly const?: string
  readonly description?: string
  /** What a text may be, in words. */
  readonly accepts?: string
  /** What holds where nothing is set, if no single value does. */
  readonly unset?: string
  readonly properties?: Readonly<Record<string, Setting>>
  readonly items?: Setting
  readonly oneOf?: readonly Setting[]
  readonly anyOf?: readonly Setting[]
  readonly required?: readonly string[]
}

/** The `CARILLON_…` variables. */
export function variableTable(): string {
  return settingTable('variable', entriesOf(settingOf(environmentSchema)))
}

/** OpenTelemetry's variables. */
export function tracingVariableTable(): string {
  return settingTable('variable', entriesOf(settingOf(tracingVariables)))
}

/** The keys of the file. */
export function fileTable(): string {
  return settingTable('key', keysIn('', settingOf(fileSchema)))
}

/** The keys of a provider: what differs between the kinds is named by kind. */
export function providerTable(): string {
  const kinds = (settingOf(fileSchema).properties?.providers?.items?.oneOf ?? []).map((setting) => ({
    setting,
    kind: setting.properties?.kind?.const ?? '',
  }))
  const keys = [...new Set(kinds.flatMap(({ setting }) => Object.keys(setting.properties ?? {})))]
  const rows = keys.map((key) => {
    const having = kinds.flatMap(({ kind, setting }) => {
      const found = setting.properties?.[key]
      return found ? [{ kind, found, needed: found.default === undefined && isNeeded(setting, key) }] : []
    })
    const byKind = (cell: (of: (typeof having)[number]) => string) => {
      const texts = having.map((of) => ({ kind: of.kind, text: cell(of) }))
      const distinct = [...new Set(texts.map(({ text }) => text))]
      if (texts.length === kinds.length && distinct.length === 1) return distinct.join('')
      const namesOf = (wanted: string) => texts.flatMap(({ kind, text }) => (text === wanted ? [kind] : [])).join(', ')
      return distinct.map((text) => `${namesOf(text)}: ${text}`).join('<br>')
    }
    return [
      `\`${key}\``,
      byKind(({ found, needed }) => (needed ? 'needed' : standardOf(found))),
      key === 'kind' ? kinds.map(({ kind }) => kind).join(', ') : byKind(({ found }) => acceptedBy(found)),
      byKind(({ found }) => found.description ?? ''),
    ]
  })
  return table(['key', 'default', 'accepts', 'meaning'], rows)
}

function settingTable(first: string, entries: readonly (readonly [string, Setting])[]): string {
  return table(
    [first, 'default', 'accepts', 'meaning'],
    entries.map(([name, setting]) => [
      `\`${name}\``,
      standardOf(setting),
      acceptedBy(setting),
      describedAs(name, setting),
    ]),
  )
}

function describedAs(name: string, { description }: Setting): string {
  if (description === undefined) throw new Error(`The setting ${name} says nothing of what it means`)
  return description
}

/** As JSON Schema: `input`, for that is what people write. What it cannot express is told by `accepts`. */
function settingOf(schema: z.ZodType): Setting {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' }) as Setting
}

function entriesOf({ properties = {} }: Setting): (readonly [string, Setting])[] {
  return Object.entries(properties)
}

/** Sections that are always there are opened; one that is optional is a setting of its own. */
function keysIn(prefix: string, section: Setting): (readonly [string, Setting])[] {
  return entriesOf(section).flatMap(([name, setting]) =>
    setting.properties && setting.default !== undefined
      ? keysIn(`${prefix}${name}.`, setting)
      : [[`${prefix}${name}`, setting] as const],
  )
}

function isNeeded({ required = [] }: Setting, key: string): boolean {
  return required.includes(key)
}

function standardOf({ unset, default: standard }: Setting): string {
  if (unset !== undefined) return /^[\w:.]+$/.test(unset) && unset !== 'none' ? `\`${unset}\`` : unset
  if (standard === undefined || standard === '') return 'none'
  if (Array.isArray(standard)) return standard.length === 0 ? 'none' : standard.join(', ')
  if (typeof standard === 'object' && standard !== null) return 'none'
  return `\`${String(standard)}\``
}

function acceptedBy(setting: Setting): string {
  const { accepts, minimum, maximum, maxItems, items, type } = setting
  if (accepts !== undefined) return accepts
  if (setting.enum) return codes(setting.enum)
  if (minimum !== undefined && maximum !== undefined) return `${minimum} to ${maximum}`
  if (items?.enum) return `a list of ${items.enum.join(', ')}`
  if (maxItems !== undefined) return `a list of ${maxItems} at most`
  if (type === 'boolean') return 'true or false'
  if (setting.properties) return entriesOf(setting).map(keyWithValues).join(', ')
  const [first] = setting.anyOf ?? []
  return first ? acceptedBy(first) : ''
}

function keyWithValues([name, setting]: readonly [string, Setting]): string {
  return `\`${name}\`${setting.enum ? ` (${setting.enum.join(', ')})` : ''}`
}
