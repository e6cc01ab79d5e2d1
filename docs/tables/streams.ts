/** The table of streams, from the topology. */
import { topology } from '../../pipeline/engine/topology.js'
import { codes, table } from './table.js'

const hourMs = 3_600_000

export function topicTable(): string {
  const { stages, topics } = topology()
  const namesOf = (chosen: readonly { readonly name: string }[]) => chosen.map(({ name }) => name).join(', ')
  const rows = topics.map(({ name, key, lanes, ways: topics, events, compacted, retentionMs }) => {
    const writers = namesOf(stages.filter(({ outputs }) => outputs.includes(name)))
    const readers = namesOf(stages.filter(({ input, alsoReads }) => input === name || alsoReads.includes(name)))
    return [
      `\`${name}\``,
      codes(events),
      key,
      `${topics.length}${dividedBy(topics.length, lanes.length)}`,
      compacted ? 'compacted' : `${retentionMs / hourMs} h`,
      writers,
      readers,
    ]
  })
  return table(['stream', 'events', 'key', 'topics', 'kept', 'written by', 'read by'], rows)
}

/** What a stream with so many topics and lanes has a topic of its own for. */
function dividedBy(topics: number, lanes: number): string {
  if (lanes === 0) return ''
  return topics > lanes ? ', by priority and channel' : ', by priority'
}
