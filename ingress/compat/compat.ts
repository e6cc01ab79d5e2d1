/** The contracts of the systems that Carillon replaces, at their own paths. Each maps onto what the native routes use;
 *  what it promises of delivery is the pipeline's to keep, by the notification's origin. */
import type { IngressApp } from '../endpoint.js'
import type { IngressOptions } from '../options.js'
import type { IngressPorts } from '../ports.js'
import type { RecordWaits } from '../record-waits.js'
import { messageContract } from './a-messages.js'
import { userNotificationContract } from './b-notifications.js'
import { notificationsOfC } from './c-notifications.js'
import { healthOfC, operationsOfC } from './c-operations.js'
import { templatesOfC } from './c-templates.js'
import { contractApp, errorField, serveNothingElse } from './contract.js'

/** Paths of contracts that need no key. */
export const openContractPaths = [healthOfC] as const

/** Mounts those that are switched on. */
export function mountContracts(
  app: IngressApp,
  ports: IngressPorts,
  waits: RecordWaits,
  options: IngressOptions,
): void {
  const { a, b, c } = options.compat
  if (a) app.route('/', messageContract(ports))
  if (b) app.route('/', userNotificationContract(ports, b, options))
  if (c) app.route('/', serviceContract(ports, waits, options))
}

/** Contract C: notifications, batches, templates. */
function serviceContract(ports: IngressPorts, waits: RecordWaits, options: IngressOptions): IngressApp {
  const app = contractApp(errorField)
  const parts = { app, ports, waits, options }
  notificationsOfC(parts)
  templatesOfC(parts)
  operationsOfC(parts)
  serveNothingElse(app, '/api/v1/*')
  return app
}
