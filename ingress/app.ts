/** The HTTP API put together: what every request passes, and all routes. */
import { OpenAPIHono } from '@hono/zod-openapi'
import type { MiddlewareHandler } from 'hono'
import { cors } from 'hono/cors'
import { spanContext, traceparentOf } from '../schemas/trace-context.js'
import { authorize, credentialsOf } from './authorization.js'
import { statusSocketOfC } from './compat/c-live.js'
import { mountContracts, openContractPaths } from './compat/compat.js'
import type { IngressApp, IngressEnvironment } from './endpoint.js'
import { createLive, isSocketPath, isStreamPath } from './live/live.js'
import type { IngressObserver } from './observer.js'
import type { IngressOptions } from './options.js'
import type { Acceptor, IngressPorts } from './ports.js'
import { Problem, problemOf, problemResponse } from './problem.js'
import { createRecordWaits } from './record-waits.js'
import { correlationHeader, correlationIdOf } from './requests/identifier.js'
import { batchRoutes } from './routes/batches.js'
import { cancellationRoutes } from './routes/cancellation.js'
import { consoleFiles } from './routes/console.js'
import { deadLetterRoutes } from './routes/dead-letters.js'
import { docsFiles, documentPath, documentRoute } from './routes/docs.js'
import { askedBy, healthPaths, healthRoutes } from './routes/health.js'
import { inboxRoutes } from './routes/inbox.js'
import { liveRoutes } from './routes/live.js'
import { notificationRecordRoutes } from './routes/notification-records.js'
import { notificationRoutes } from './routes/notifications.js'
import { operationRoutes } from './routes/operations.js'
import { recipientRoutes } from './routes/recipients.js'
import { templateRoutes } from './routes/templates.js'
import { serveFiles } from './static-files.js'

/** The app, and what ends the streams it has open: they never end by themselves. */
export type ServedApp = IngressApp & { readonly endStreams: () => void }

/** The app. Errors are problem+json throughout, and every answer carries its correlation id. */
export function createApp(given: IngressPorts, options: IngressOptions): ServedApp {
  const ports = { ...given, acceptor: observed(given.acceptor, given.observer) }
  const app: IngressApp = new OpenAPIHono<IngressEnvironment>()
  const files = [...consoleFiles(), ...docsFiles()]
  const open = new Set<string>([...healthPaths, ...openContractPaths, documentPath, ...files.map(({ path }) => path)])
  const { apiKey, corsOrigins } = options

  app.use(observe(ports))
  if (corsOrigins.length > 0) app.use(allowOrigins(corsOrigins))
  const credentials = credentialsOf(apiKey)
  const isOpen = (path: string) => open.has(path)
  app.use(authorize({ credentials, corsOrigins, isOpen, isSocket: isSocketPath, isStream: isStreamPath }))
  app.onError((error, c) => problemResponse(problemOf(error), c.get('correlationId')))
  app.notFound((c) => {
    const problem = new Problem('not-found', 'Nothing answers at this path by this method. /docs shows what does.')
    return problemResponse(problem, c.get('correlationId'))
  })

  const waits = createRecordWaits(ports.records)
  const live = createLive(ports)
  notificationRoutes(app, ports, options)
  batchRoutes(app, ports, options)
  notificationRecordRoutes(app, ports, waits, options)
  cancellationRoutes(app, ports, waits, options)
  templateRoutes(app, ports)
  recipientRoutes(app, ports)
  inboxRoutes(app, ports, live)
  liveRoutes(app, { live, records: ports.records, credentials })
  if (options.compat.c) statusSocketOfC(app, { live, records: ports.records, credentials })
  deadLetterRoutes(app, ports, options)
  operationRoutes(app, ports)
  healthRoutes(app, ports.flow, askedBy(ports.flow, ports.records))
  mountContracts(app, ports, waits, options)
  documentRoute(app, options)
  serveFiles(app, files)
  return Object.assign(app, { endStreams: live.places.close })
}

/** Gives every request its correlation id, and logs it when it is answered. */
function observe({ log, observer, traces }: IngressPorts): MiddlewareHandler<IngressEnvironment> {
  return async (c, next) => {
    const startMs = performance.now()
    const correlationId = correlationIdOf(c.req.header(correlationHeader))
    c.set('correlationId', correlationId)
    const given = traceparentOf(c.req.header('traceparent'))
    const trace = traces?.begin(c.req.method, given)
    c.set('traceparent', trace ? trace.traceparent : given)
    const context = trace?.context ?? given
    observer.requests(1)
    try {
      await next()
    } finally {
      observer.requests(-1)
    }
    c.res.headers.set(correlationHeader, correlationId)
    const { status } = c.res
    const route = c.get('route') ?? 'none'
    trace?.end({ route, status })
    log({
      method: c.req.method,
      route,
      status,
      durationMs: performance.now() - startMs,
      correlationId,
      ...(context !== null && spanContext(context)),
      ...(status >= 500 && c.error && { error: c.error }),
    })
  }
}

function allowOrigins(origins: readonly string[]): MiddlewareHandler<IngressEnvironment> {
  return cors({
    origin: [...origins],
    allowMethods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposeHeaders: ['X-Correlation-Id', 'Location', 'Retry-After', 'Idempotency-Replayed'],
    maxAge: 600,
  })
}

/** The acceptor, and the observer told of what it takes and of what it had taken before. */
export function observed(acceptor: Acceptor, observer: IngressObserver): Acceptor {
  return {
    ...acceptor,
    async accept(notifications, claim) {
      const acceptance = await acceptor.accept(notifications, claim)
      const isReplayed = acceptance.kind === 'replayed'
      if (acceptance.kind === 'accepted' || (isReplayed && acceptance.appended)) observer.accepted(notifications)
      else if (isReplayed) observer.replayed(notifications[0]?.origin ?? '')
      return acceptance
    },
  }
}
