/** The client's side of SCRAM-SHA-256 and SCRAM-SHA-512, without channel binding.
 *  https://www.rfc-editor.org/rfc/rfc5802 https://www.rfc-editor.org/rfc/rfc7677 */
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto'
import { Unavailable } from '../../../schemas/errors.js'

export type ScramHash = 'sha256' | 'sha512'

export interface ScramConversation {
  /** What the client says first. */
  readonly first: string
  /** The client's second and last message. Throws `Unavailable` where the server's first is none. */
  answer(serverFirst: string): string
  /** Throws `Unavailable` where the server does not know the password either. */
  check(serverFinal: string): void
}

const nonceBytes = 24
const gs2Header = 'n,,'
/** Kafka's own least is 4,096; a server that asks for far more would hold the process. */
const maxIterations = 1_000_000

/** The hash of a mechanism; null for another mechanism. */
export function scramHash(mechanism: string): ScramHash | null {
  if (mechanism === 'SCRAM-SHA-256') return 'sha256'
  return mechanism === 'SCRAM-SHA-512' ? 'sha512' : null
}

/** One login. `nonce` is random unless a test says otherwise. */
export function scramConversation(
  hash: ScramHash,
  user: string,
  password: string,
  nonce = randomBytes(nonceBytes).toString('base64'),
): ScramConversation {
  const hmac = (key: Buffer, text: string) => createHmac(hash, key).update(text).digest()
  const bare = `n=${user.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`
  let expected: Buffer | null = null
  return {
    first: `${gs2Header}${bare}`,
    answer(serverFirst) {
      const told = attributes(serverFirst)
      const [both = '', salt = '', iterations] = [told.get('r'), told.get('s'), Number(told.get('i'))]
      const usable = Number.isInteger(iterations) && iterations > 0 && iterations <= maxIterations
      if (!both.startsWith(nonce) || salt === '' || !usable) throw new Unavailable('The Kafka broker answered no SCRAM')
      const bytes = hash === 'sha256' ? 32 : 64
      const salted = pbkdf2Sync(password.normalize('NFKC'), Buffer.from(salt, 'base64'), iterations, bytes, hash)
      const withoutProof = `c=${Buffer.from(gs2Header).toString('base64')},r=${both}`
      const exchange = `${bare},${serverFirst},${withoutProof}`
      const clientKey = hmac(salted, 'Client Key')
      const signature = hmac(createHash(hash).update(clientKey).digest(), exchange)
      expected = hmac(hmac(salted, 'Server Key'), exchange)
      return `${withoutProof},p=${Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0))).toString('base64')}`
    },
    check(serverFinal) {
      const told = Buffer.from(attributes(serverFinal).get('v') ?? '', 'base64')
      if (expected && told.length === expected.length && timingSafeEqual(told, expected)) return
      throw new Unavailable('What answers is not the Kafka broker that knows this password')
    },
  }
}

/** `r=a,s=b` */
function attributes(message: string): ReadonlyMap<string, string> {
  return new Map(message.split(',').map((part) => [part.slice(0, 1), part.slice(2)]))
}
