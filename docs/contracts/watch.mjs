// Contract C's live updates: prints each change of a status. Usage: node watch.mjs [http://127.0.0.1:3000]
// Node 22 has WebSocket of its own; under Node 20 it comes from the package ws.
const WebSocket = globalThis.WebSocket ?? (await import('ws')).default
const base = process.argv[2] ?? process.env.BASE ?? 'http://127.0.0.1:3000'
const socket = new WebSocket(`${base.replace(/^http/, 'ws')}/ws`)
socket.addEventListener('open', () => process.stdout.write('watching\n'))
socket.addEventListener('message', ({ data }) => process.stdout.write(`${data}\n`))
socket.addEventListener('error', ({ message }) => process.stderr.write(`${message}\n`))
