/** Requests to a broker, for what node-rdkafka cannot ask: each, or a few together, on a connection of their own.
 *  https://kafka.apache.org/protocol */
import { readFileSync } from 'node:fs'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { Unavailable } from '../../../schemas/errors.js'
import { requestTimeoutMs } from './clients.js'
import type { KafkaConnection } from './library.js'
import { ProtocolReader, protocolWriter } from './protocol.js'
import { scramConversation, scramHash } from './scram.js'

/** A request's number and version. */
export interface Api {
  readonly key: number
  readonly version: number
}

const saslHandshake = { key: 17, version: 1 }
const saslAuthenticate = { key: 36, version: 0 }
/** Answers beyond this are refused. */
const maxAnswerBytes = 64 * 1024 * 1024

/** One request, and its answer. Only when it has come, another may be asked. */
export type Ask = (api: Api, body: Buffer) => Promise<ProtocolReader>

/** The answer of the first broker that can be reached. Rejects with `Unavailable` where none answers or the login
 *  fails. */
export function askBroker(connection: KafkaConnection, api: Api, body: Buffer): Promise<ProtocolReader> {
  return withBroker(connection, (ask) => ask(api, body))
}

/** What `work` finds out from the first broker that can be reached. Rejects as `askBroker` does. */
export async function withBroker<T>(connection: KafkaConnection, work: (ask: Ask) => Promise<T>): Promise<T> {
  const socket = await connectAny(connection)
  try {
    await authenticate(socket, connection)
    return await work((api, body) => ask(socket, api, body))
  } finally {
    socket.destroy()
  }
}

async function connectAny({ brokers, settings = {} }: KafkaConnection): Promise<Socket> {
  const isTls = /ssl/i.test(String(settings['security.protocol'] ?? ''))
  const read = (name: string) => (typeof settings[name] === 'string' ? readFileSync(settings[name]) : undefined)
  const own = {
    ca: read('ssl.ca.location'),
    cert: read('ssl.certificate.location'),
    key: read('ssl.key.location'),
    passphrase: typeof settings['ssl.key.password'] === 'string' ? settings['ssl.key.password'] : undefined,
  }
  for (const broker of brokers.split(',')) {
    const [, host = '', port = '9092'] = /^\s*\[?(.*?)\]?(?::(\d+))?\s*$/.exec(broker) ?? []
    const where = { host, port: Number(port) }
    const socket = isTls
      ? connectTls({ ...where, ...own, ...(isIP(host) ? {} : { servername: host }) })
      : connect(where)
    socket.setTimeout(requestTimeoutMs, () => socket.destroy(new Error('No answer in time')))
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once(isTls ? 'secureConnect' : 'connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    if (isOpen) return socket
  }
  throw new Unavailable('No Kafka broker answers. Is CARILLON_LOG right, and Kafka up?')
}

async function authenticate(socket: Socket, { settings = {} }: KafkaConnection): Promise<void> {
  if (!/sasl/i.test(String(settings['security.protocol'] ?? ''))) return
  const mechanism = String(settings['sasl.mechanisms'] ?? settings['sasl.mechanism'] ?? '').toUpperCase()
  const user = String(settings['sasl.username'] ?? '')
  const password = String(settings['sasl.password'] ?? '')
  const hash = scramHash(mechanism)
  if (mechanism !== 'PLAIN' && hash === null) {
    throw new Unavailable(`Kafka cannot be asked about topics and groups with ${mechanism}`)
  }
  const handshake = await ask(socket, saslHandshake, protocolWriter().string(mechanism).bytes())
  if (handshake.int16() !== 0) throw new Unavailable(`The Kafka broker does not take SASL ${mechanism}`)
  if (hash === null) {
    await say(socket, Buffer.from(`\0${user}\0${password}`))
    return
  }
  const scram = scramConversation(hash, user, password)
  const final = scram.answer((await say(socket, Buffer.from(scram.first))).toString())
  scram.check((await say(socket, Buffer.from(final))).toString())
}

async function say(socket: Socket, bytes: Buffer): Promise<Buffer> {
  const answer = await ask(socket, saslAuthenticate, protocolWriter().data(bytes).bytes())
  if (answer.int16() !== 0) throw new Unavailable('The Kafka broker refused the user name or password')
  answer.string()
  return answer.data()
}

function ask(socket: Socket, api: Api, body: Buffer): Promise<ProtocolReader> {
  const header = protocolWriter().int16(api.key).int16(api.version).int32(1).string('carillon').bytes()
  const size = Buffer.alloc(4)
  size.writeInt32BE(header.length + body.length)
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0)
    const fail = (error?: Error) => {
      reject(new Unavailable('The Kafka broker ended the connection', error ? { cause: error } : undefined))
    }
    const ended = () => fail()
    const onData = (data: Buffer): void => {
      received = Buffer.concat([received, data])
      const length = received.length < 4 ? maxAnswerBytes : received.readInt32BE(0)
      if (received.length >= 4 && (length < 4 || length > maxAnswerBytes)) socket.destroy()
      if (received.length < length + 4) return
      socket.off('data', onData).off('error', fail).off('close', ended)
      const correlationBytes = 4
      resolve(new ProtocolReader(received.subarray(4 + correlationBytes)))
    }
    socket.on('data', onData).on('error', fail).on('close', ended)
    socket.write(Buffer.concat([size, header, body]))
  })
}
