/** Processes of one group may each serve some of the channels. Their sets are equal or have nothing in common: a group
 *  shares out the partitions of a set's first way, so members of overlapping sets would serve the same ones twice.
 *
 *  A member's client id names its channels, and whoever gets partitions looks at the others first. */
import { setTimeout as sleep } from 'node:timers/promises'
import { channels, type Topic, topicsOf } from '../../../schemas/streams.js'
import { withKafkaAdmin } from './admin.js'
import type { KafkaConnection } from './library.js'

const mark = '~'
const joint = '+'
const lookEveryMs = 500

/** Others of the group serve some, but not all, of a member's channels. */
export class ChannelsOverlap extends Error {
  override readonly name = 'ChannelsOverlap'
  readonly code = 'channels-overlap'
}

/** A member's name, of which there is one for each set of channels. */
export function memberOf(name: string, topics: readonly Topic[]): string {
  const own = channelsOf(topics)
  const isPart = topics.some(({ stream }) => channelsOf(topicsOf(stream)).length > own.length)
  return isPart ? [name, ...own].join('-') : name
}

/** The client id of a member. */
export function clientOf(name: string, topics: readonly Topic[]): string {
  const own = channelsOf(topics)
  return own.length === 0 ? name : `${name}${mark}${own.join(joint)}`
}

/** Looks who else is in the group, and again for `patienceMs`: one that died is missed some time. Rejects with
 *  `ChannelsOverlap`, or with `Unavailable` where Kafka cannot be asked. */
export async function checkChannels(
  connection: KafkaConnection,
  group: string,
  topics: readonly Topic[],
  patienceMs: number,
): Promise<void> {
  const own = channelsOf(topics)
  if (own.length === 0) return
  const deadline = performance.now() + patienceMs
  while (true) {
    const members = await withKafkaAdmin(connection, (admin) => admin.memberClients([group]))
    const clients = members.get(group) ?? []
    const other = clients.map(channelsIn).find((set) => overlaps(set, own))
    if (!other) return
    if (performance.now() > deadline) {
      const problem = `A process of ${group} serves ${other.join(', ')}, and this one ${own.join(', ')}.`
      throw new ChannelsOverlap(`${problem} Give them the same channels, or none in common; then start this one again.`)
    }
    await sleep(lookEveryMs)
  }
}

function channelsOf(topics: readonly Topic[]): readonly string[] {
  return channels.filter((channel) => topics.some((topic) => topic.channel === channel))
}

function channelsIn(client: string): readonly string[] {
  const at = client.lastIndexOf(mark)
  return at < 0 ? [] : client.slice(at + 1).split(joint)
}

function overlaps(other: readonly string[], own: readonly string[]): boolean {
  const shared = other.filter((channel) => own.includes(channel)).length
  return shared > 0 && (shared < other.length || shared < own.length)
}
