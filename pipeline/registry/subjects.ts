/** Under which names Carillon's schemas stand in a registry: an event's schema under its record's full name, like
 *  `carillon.NotificationRequested` (RecordNameStrategy), because several events stand on one topic and an event on
 *  several.
 *  https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/#subject-name-strategy */
import { avroType, type EventName } from '../../schemas/avro.js'
import { inlined } from '../../schemas/release.js'
import { streamEvents } from '../../schemas/streams.js'

/** Today's schema of an event, as a registry holds it. */
export interface OwnSchema {
  readonly event: EventName
  readonly subject: string
  /** JSON, with every named type inside. */
  readonly text: string
}

/** Today's schema of every event that stands on a topic. */
export function ownSchemas(): OwnSchema[] {
  return streamEvents().map((name) => {
    const event = name as EventName
    return { event, subject: avroType(event).name ?? event, text: registrable(inlined(event)) }
  })
}

/** Apicurio (3.3.3, AvroContentAccepter) takes a default of `"{}"` behind a colon and spaces for an empty object, and
 *  then the schema for none. Behind a tab it does not, and JSON is the same. */
function registrable(text: string): string {
  return JSON.stringify(JSON.parse(text)).replaceAll(':"{}"', ':\t"{}"')
}
