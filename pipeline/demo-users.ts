/** The four users that contract A's demo knows. */
import type { Recipients } from '../ingress/ports.js'

const users = [
  { id: '1', name: 'Emma' },
  { id: '2', name: 'Bruno' },
  { id: '3', name: 'Rick' },
  { id: '4', name: 'Lena' },
] as const

/** Tells of those about whom nothing is known yet. */
export async function seedDemoUsers(
  recipients: Pick<Recipients, 'get' | 'put'>,
  tenant: string,
  nowMs: number,
): Promise<void> {
  const now = new Date(nowMs).toISOString()
  for (const user of users) {
    if (await recipients.get(tenant, user.id)) continue
    await recipients.put(tenant, { ...user, createdAt: now, updatedAt: now })
  }
}
