/** The hash by which a key finds its partition, as Kafka's Java client computes it (org.apache.kafka.common.utils.Utils,
 *  murmur2 with seed 0x9747b28c), so that every producer in any language agrees. */

const seed = 0x9747b28c
const m = 0x5bd1e995

/** The signed 32-bit hash of the bytes. */
export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes
  const view = new DataView(bytes.buffer, bytes.byteOffset, length)
  let hash = seed ^ length
  let at = 0
  for (; at + 4 <= length; at += 4) {
    let k = Math.imul(view.getInt32(at, true), m)
    k = Math.imul(k ^ (k >>> 24), m)
    hash = Math.imul(hash, m) ^ k
  }
  const tail = length - at
  if (tail > 2) hash ^= view.getUint8(at + 2) << 16
  if (tail > 1) hash ^= view.getUint8(at + 1) << 8
  if (tail > 0) hash = Math.imul(hash ^ view.getUint8(at), m)
  hash = Math.imul(hash ^ (hash >>> 13), m)
  return hash ^ (hash >>> 15)
}

/** The partition of a key. */
export function partitionOf(key: Uint8Array, partitions: number): number {
  return partitions === 1 ? 0 : (murmur2(key) & 0x7fffffff) % partitions
}
