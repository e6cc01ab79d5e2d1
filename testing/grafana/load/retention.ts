/** What retention does to a topic, at once. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { kafkaNames } from '../../../pipeline/logs/kafka/names.js'
import { type StreamName, topicsOf } from '../../../schemas/streams.js'
import { root } from '../compose-under-test.js'

const toEnd = -1

/** Drops every record that a topic holds now, by Kafka's own tool. */
export async function dropRecords(
  broker: string,
  { prefix, partitions }: { readonly prefix: string; readonly partitions: number },
  topic: StreamName,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-retention-'))
  const file = join(folder, 'offsets.json')
  const places = topicsOf(topic).flatMap((topic) =>
    Array.from({ length: partitions }, (_, partition) => ({
      topic: kafkaNames(prefix).nameOf(topic),
      partition,
      offset: toEnd,
    })),
  )
  writeFileSync(file, JSON.stringify({ version: 1, partitions: places }))
  const classPath = join(root, '.cache', 'kafka', '*')
  const command = ['org.apache.kafka.tools.DeleteRecordsCommand', '--bootstrap-server', broker]
  await promisify(execFile)('java', ['-cp', classPath, ...command, '--offset-json-file', file])
  rmSync(folder, { recursive: true })
}
