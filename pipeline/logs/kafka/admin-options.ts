/** A connection as librdkafka's settings say it, which `config/kafka.ts` makes, in the words of @platformatic/kafka. */
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { AdminOptions, Broker } from '@platformatic/kafka'
import { Unavailable } from '../../../schemas/errors.js'
import { requestTimeoutMs } from './clients.js'
import type { KafkaConnection } from './library.js'

type AdminSecurity = Pick<AdminOptions, 'tls' | 'tlsServerName' | 'sasl'>

const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const

/** How the client reaches the brokers. Throws what reading a certificate throws, and `Unavailable` where the login is of a
 *  kind that cannot be used. */
export function adminOptions({ brokers, settings = {} }: KafkaConnection): AdminOptions {
  const protocol = String(settings['security.protocol'] ?? '')
  const bootstrapBrokers = brokers.split(',').map(brokerAt)
  return {
    clientId: 'carillon',
    bootstrapBrokers,
    connectTimeout: requestTimeoutMs,
    requestTimeout: requestTimeoutMs,
    retries: 0,
    ...(/ssl/i.test(protocol) && tlsOf(bootstrapBrokers, settings)),
    ...(/sasl/i.test(protocol) && saslOf(settings)),
  }
}

/** host, host:port or [address]:port */
function brokerAt(text: string): Broker {
  const [, host = '', port = '9092'] = /^\s*\[?(.*?)\]?(?::(\d+))?\s*$/.exec(text) ?? []
  return { host, port: Number(port) }
}

type Settings = NonNullable<KafkaConnection['settings']>

function tlsOf(brokers: readonly Broker[], settings: Settings): AdminSecurity {
  const file = (name: string) => {
    const path = settings[name]
    return typeof path === 'string' ? readFileSync(path) : undefined
  }
  const given = {
    ca: file('ssl.ca.location'),
    cert: file('ssl.certificate.location'),
    key: file('ssl.key.location'),
    passphrase: typeof settings['ssl.key.password'] === 'string' ? settings['ssl.key.password'] : undefined,
  }
  const tls = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  // Brokers that share an address are told apart by the name; an IP address is none (RFC 6066, section 3).
  return { tls, tlsServerName: !brokers.some(({ host }) => isIP(host)) }
}

function saslOf(settings: Settings): AdminSecurity {
  const wanted = String(settings['sasl.mechanisms'] ?? settings['sasl.mechanism'] ?? '').toUpperCase()
  const mechanism = mechanisms.find((name) => name === wanted)
  if (!mechanism) throw new Unavailable(`Kafka cannot be asked about topics and groups with ${wanted}`)
  const username = String(settings['sasl.username'] ?? '')
  return { sasl: { mechanism, username, password: String(settings['sasl.password'] ?? '') } }
}
