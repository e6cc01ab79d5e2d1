import { expect, test } from 'vitest'
import { murmur2 } from './murmur2.js'

test('keys hash as in the Java client', () => {
  // From UtilsTest.java of Apache Kafka.
  const cases: Record<string, number> = {
    '21': -973932308,
    foobar: -790332482,
    'a-little-bit-long-string': -985981536,
    'a-little-bit-longer-string': -1486304829,
    lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
    abc: 479470107,
  }
  const hashes = Object.fromEntries(Object.keys(cases).map((key) => [key, murmur2(Buffer.from(key))]))
  expect(hashes).toEqual(cases)
})
