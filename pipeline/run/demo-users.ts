/** The four users that contract A's demo knows. */
import type { Recipients } from '../../ingress/ports.js'
import { tenant } from '../../schemas/tenant.js'
import type { CompatConfig } from '../config/compat.js'

const users = [
  { id: '1', name: 'Emma' },
  { id: '2', name: 'Bruno' },
  { id: '3', name: 'Rick' },
  { id: '4', name: 'Lena' },
] as const

/** Tells of those about whom nothing is known yet, where they are wanted. */
export async function seedDemoUsers(
  { enabled, demoUsers }: CompatConfig['a'],
  recipients: Pick<Recipients, 'get' | 'put'>,
  nowMs: number,
): Promise<void> {
  if (!enabled || !demoUsers) return
  const now = new Date(nowMs).toISOString()
  for (const user of users) {
    if (await recipients.get(tenant, user.id)) continue
    await recipients.put(tenant, { ...user, createdAt: now, updatedAt: now })
  }
}
