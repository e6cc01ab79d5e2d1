/** librdkafka's settings of TLS and SASL, as `config/kafka.ts` makes them, in the words of @platformatic/kafka. */
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { AdminOptions } from '@platformatic/kafka'
import { Unavailable } from '../../../schemas/errors.js'
import type { KafkaConnection } from './library.js'

type AdminSecurity = Pick<AdminOptions, 'tls' | 'tlsServerName' | 'sasl'>

const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const

/** Throws what reading a certificate throws, and `Unavailable` where the mechanism is another. */
export function adminSecurity({ brokers, settings = {} }: KafkaConnection): AdminSecurity {
  const protocol = String(settings['security.protocol'] ?? '')
  return { ...(/ssl/i.test(protocol) && tlsOf(brokers, settings)), ...(/sasl/i.test(protocol) && saslOf(settings)) }
}

type Settings = NonNullable<KafkaConnection['settings']>

function tlsOf(brokers: string, settings: Settings): AdminSecurity {
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
  return { tls, tlsServerName: !brokers.split(',').some((broker) => isIP(broker.trim().replace(/^\[|\]?:\d+$/g, ''))) }
}

function saslOf(settings: Settings): AdminSecurity {
  const wanted = String(settings['sasl.mechanisms'] ?? settings['sasl.mechanism'] ?? '').toUpperCase()
  const mechanism = mechanisms.find((name) => name === wanted)
  if (!mechanism) throw new Unavailable(`Kafka cannot be asked about topics and groups with ${wanted}`)
  const username = String(settings['sasl.username'] ?? '')
  return { sasl: { mechanism, username, password: String(settings['sasl.password'] ?? '') } }
}
