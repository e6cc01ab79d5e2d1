import type { AddressInfo } from 'node:net'
import { createServer, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { addressGuard, BlockedAddress, isPublicAddress } from './address-guard.js'
import { allowList } from './allow-list.js'

describe('an address', () => {
  test.each([
    ['this network', '0.0.0.0'],
    ['loopback', '127.0.0.1'],
    ['loopback', '127.255.255.254'],
    ['private', '10.0.0.1'],
    ['private', '172.16.0.1'],
    ['private', '172.31.255.255'],
    ['private', '192.168.1.1'],
    ['link-local, where clouds keep their metadata', '169.254.169.254'],
    ['carrier-grade NAT', '100.64.0.1'],
    ['protocol assignments', '192.0.0.8'],
    ['documentation', '192.0.2.1'],
    ['documentation', '198.51.100.1'],
    ['documentation', '203.0.113.1'],
    ['benchmarks', '198.18.0.1'],
    ['6to4 relay', '192.88.99.1'],
    ['multicast', '224.0.0.1'],
    ['reserved', '240.0.0.1'],
    ['broadcast', '255.255.255.255'],
    ['unspecified', '::'],
    ['loopback', '::1'],
    ['IPv4-compatible', '::127.0.0.1'],
    ['IPv4-mapped', '::ffff:127.0.0.1'],
    ['IPv4-mapped', '::ffff:8.8.8.8'],
    ['IPv4-translated', '::ffff:0:7f00:1'],
    ['NAT64', '64:ff9b::7f00:1'],
    ['local NAT64', '64:ff9b:1::a00:1'],
    ['6to4', '2002:7f00:1::1'],
    ['Teredo', '2001:0:7f00:1::1'],
    ['unique local', 'fd00::1'],
    ['link-local', 'fe80::1'],
    ['link-local with a zone', 'fe80::1%eth0'],
    ['old site-local', 'fec0::1'],
    ['multicast', 'ff02::1'],
    ['documentation', '2001:db8::1'],
    ['discard', '100::1'],
    ['not given out', '4000::1'],
  ])('of %s is not public: %s', (_, address) => {
    expect(isPublicAddress(address)).toBe(false)
  })

  test.each(['8.8.8.8', '1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700:4700::1111', '2a00:1450:4001::1'])(
    'of the internet is public: %s',
    (address) => {
      expect(isPublicAddress(address)).toBe(true)
    },
  )
})

/** A TCP server on 127.0.0.1 that counts its connections. */
async function tcpServer(onSocket: (socket: Socket) => void = () => {}) {
  let opened = 0
  const server = createServer((socket) => {
    opened += 1
    socket.on('error', () => {})
    onTestFinished(() => void socket.destroy())
    onSocket(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { port: String((server.address() as AddressInfo).port), opened: () => opened }
}

interface Setting {
  readonly allow: readonly string[]
  readonly maxSockets?: number
  readonly resolve?: (host: string) => Promise<readonly string[]>
}

function guardOf({ allow, maxSockets = 8, ...options }: Setting) {
  const guard = addressGuard({ allow: allowList(allow), connectTimeoutMs: 500, maxSockets, ...options })
  const dial = (hostname: string, port: string, protocol = 'http:') =>
    new Promise<Socket>((resolve, reject) => {
      guard.connect({ hostname, host: `${hostname}:${port}`, port, protocol }, (error, socket) =>
        error === null ? resolve(socket) : reject(error),
      )
    })
  return { ...guard, dial }
}

describe('the guard', () => {
  test('dials nothing for a name or a literal that leads inside', async () => {
    const server = await tcpServer()
    const names = new Map([['inside.test', ['10.0.0.1', '::1', '127.0.0.1']]])
    const { dial, openSockets } = guardOf({ allow: [], resolve: async (host) => names.get(host) ?? [host] })
    for (const host of ['inside.test', '127.0.0.1', '::ffff:127.0.0.1']) {
      await expect(dial(host, server.port)).rejects.toThrow(BlockedAddress)
    }
    expect([server.opened(), openSockets()]).toEqual([0, 0])
  })

  test('resolves the name once and dials that very address, not a second answer', async () => {
    const server = await tcpServer()
    const answers = [['127.0.0.1'], ['10.0.0.1']]
    const { dial } = guardOf({ allow: ['127.0.0.1'], resolve: async () => answers.shift() ?? [] })
    const socket = await dial('rebind.test', server.port)
    expect([socket.remoteAddress, answers]).toEqual(['127.0.0.1', [['10.0.0.1']]])
    await expect(dial('rebind.test', server.port)).rejects.toThrow(BlockedAddress)
  })

  test('passes over the addresses that are not let through, and over those that do not answer', async () => {
    const server = await tcpServer()
    const resolve = async () => ['10.0.0.1', '127.0.0.2', '127.0.0.1']
    const socket = await guardOf({ allow: ['127.0.0.0/8'], resolve }).dial('several.test', server.port)
    expect(socket.remoteAddress).toBe('127.0.0.1')
  })

  test('lets a named host through whatever it resolves to, with the real resolver', async () => {
    const server = await tcpServer()
    const socket = await guardOf({ allow: [`localhost:${server.port}`] }).dial('localhost', server.port)
    expect(socket.remoteAddress).toBe('127.0.0.1')
  })

  test('keeps the name of the URL for TLS', async () => {
    let hello = ''
    const server = await tcpServer((socket) => {
      socket.once('data', (data) => {
        hello = data.toString('latin1')
        socket.destroy()
      })
    })
    const { dial, openSockets } = guardOf({ allow: ['127.0.0.1'], resolve: async () => ['127.0.0.1'] })
    await expect(dial('hooks.example', server.port, 'https:')).rejects.toThrow()
    expect([hello.includes('hooks.example'), openSockets()]).toEqual([true, 0])
  })

  test('opens no more sockets than it may, and goes on when one is closed', async () => {
    const server = await tcpServer()
    const { dial, openSockets } = guardOf({ allow: ['127.0.0.1'], maxSockets: 2 })
    const [first] = [await dial('127.0.0.1', server.port), await dial('127.0.0.1', server.port)]
    await expect(dial('127.0.0.1', server.port)).rejects.toThrow()
    const third = dial('127.0.0.1', server.port)
    first.destroy()
    expect([(await third).remoteAddress, openSockets(), server.opened()]).toEqual(['127.0.0.1', 2, 3])
  })
})
