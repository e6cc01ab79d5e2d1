/** A writer's schema reduced to what says how its bytes stand: as Avro's canonical form has it, but for the order and
 *  the names. Its defaults, aliases, sort orders, documentation and logical types are for readers of other data; one
 *  that is not valid must not keep its records from being read.
 *  https://avro.apache.org/docs/1.11.1/specification/#parsing-canonical-form-for-schemas */

/** Attributes of a type that say something of its bytes. */
const attributes = ['type', 'name', 'namespace', 'symbols', 'size'] as const

/** The schema without the rest. What is no schema stays as it is, for the parser to tell. */
export function writerForm(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(writerForm)
  if (!isObject(schema)) return schema
  const { type, items, values, fields } = schema
  // Some write {"type": {"type": "array", …}}.
  if (typeof type === 'object' && type !== null) return writerForm(type)
  return {
    ...Object.fromEntries(attributes.flatMap((name) => (name in schema ? [[name, schema[name]]] : []))),
    ...(items !== undefined && { items: writerForm(items) }),
    ...(values !== undefined && { values: writerForm(values) }),
    ...(fields !== undefined && { fields: Array.isArray(fields) ? fields.map(fieldForm) : fields }),
  }
}

function fieldForm(field: unknown): unknown {
  return isObject(field) ? { name: field.name, type: writerForm(field.type) } : field
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
