/** A collector: takes what any Carillon exports by OTLP over HTTP, and shows it.
 *  https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { bytesIn, type Message, messagesIn, numberIn, readMessage } from './protobuf-under-test.js'
import type { SeenSpan } from './spans-sample.js'

/** A span, and the process that it is of. */
export interface CollectedSpan extends SeenSpan {
  readonly resource: Readonly<Record<string, unknown>>
}

export interface Collector {
  /** The base URL. */
  readonly url: string
  /** In the order in which they began. */
  readonly spans: () => readonly CollectedSpan[]
  readonly requests: readonly { readonly path: string; readonly headers: IncomingHttpHeaders }[]
  close(): void
}

const kinds = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer']
const errorCode = 2n

export async function startCollector(): Promise<Collector> {
  const spans: CollectedSpan[] = []
  const requests: { path: string; headers: IncomingHttpHeaders }[] = []
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      requests.push({ path: request.url ?? '', headers: request.headers })
      spans.push(...spansIn(readMessage(body)))
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: () => [...spans].sort((a, b) => a.startMs - b.startMs),
    requests,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

function spansIn(exported: Message): CollectedSpan[] {
  return messagesIn(exported, 1).flatMap((resourceSpans) => {
    const resource = Object.assign({}, ...messagesIn(resourceSpans, 1).map((one) => attributesIn(one, 1)))
    const scopes = messagesIn(resourceSpans, 2)
    return scopes.flatMap((scope) => messagesIn(scope, 2).map((span) => ({ ...spanOf(span), resource })))
  })
}

function spanOf(span: Message): SeenSpan {
  const parentId = bytesIn(span, 4).toString('hex')
  return {
    traceId: bytesIn(span, 1).toString('hex'),
    spanId: bytesIn(span, 2).toString('hex'),
    parentId: parentId === '' ? undefined : parentId,
    name: bytesIn(span, 5).toString(),
    kind: kinds[Number(numberIn(span, 6))] ?? '',
    startMs: Number(numberIn(span, 7)) / 1e6,
    endMs: Number(numberIn(span, 8)) / 1e6,
    fields: attributesIn(span, 9),
    events: messagesIn(span, 11).map((event) => bytesIn(event, 2).toString()),
    links: messagesIn(span, 13).map((link) => bytesIn(link, 2).toString('hex')),
    failed: messagesIn(span, 15).some((status) => numberIn(status, 3) === errorCode),
  }
}

function attributesIn(message: Message, field: number): Record<string, unknown> {
  return Object.fromEntries(
    messagesIn(message, field).map((pair) => {
      const [value] = messagesIn(pair, 2)
      return [bytesIn(pair, 1).toString(), value && plainValue(value)]
    }),
  )
}

/** Text, a number or a list: Carillon writes no others. */
function plainValue(value: Message): unknown {
  if (value.has(1)) return bytesIn(value, 1).toString()
  if (value.has(3)) return Number(numberIn(value, 3))
  return messagesIn(value, 5).flatMap((list) => messagesIn(list, 1).map(plainValue))
}
