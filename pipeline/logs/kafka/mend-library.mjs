/** Mends node-rdkafka 3.6.1 before it is compiled: `sendOffsetsToTransaction` never frees its list of partitions, 144
 *  bytes for each of them in every commit. A plain script: it runs before anything of Carillon is compiled. Twice does no
 *  harm, and a version that looks different is left as it is. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const name = 'ProducerSendOffsetsToTransaction'
const leaking = `${name}::~${name}() {}`
const mended = `${name}::~${name}() {\n  RdKafka::TopicPartition::destroy(m_topic_partitions);\n}`

/** `root`: the project's folder. True where the library frees the list now. */
export function mendKafkaLibrary(root) {
  const file = join(root, 'node_modules', 'node-rdkafka', 'src', 'workers.cc')
  if (!existsSync(file)) return false
  const source = readFileSync(file, 'utf8')
  if (source.includes(mended)) return true
  if (!source.includes(leaking)) return false
  writeFileSync(file, source.replace(leaking, mended))
  return true
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = join(import.meta.dirname, '..', '..', '..')
  if (!mendKafkaLibrary(root))
    process.stderr.write('node-rdkafka is not the version that is mended here: it is left as it is.\n')
}
