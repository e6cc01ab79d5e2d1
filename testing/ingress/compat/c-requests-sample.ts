/** What tests of contract C send and expect. */
import { fakeNowMs } from '../ports-fake.js'

export const path = '/api/v1/notifications'
/** When the fake's time is. */
export const created = '2030-01-01T00:00:00.000Z'

/** A request. */
export const sms = { channel: 'sms', recipient: '+4915112345678', content: 'Your code is 4711.', priority: 'high' }

/** The fake's id of this number. */
export function id(number: number): string {
  const time = fakeNowMs.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${number.toString(16).padStart(12, '0')}`
}

/** What is answered to the request. */
export const pending = {
  id: id(1),
  batch_id: null,
  ...sms,
  status: 'pending',
  scheduled_at: null,
  sent_at: null,
  failed_at: null,
  error_message: null,
  retry_count: 0,
  max_retries: 5,
  provider_message_id: null,
  template_id: null,
  template_variables: null,
  created_at: created,
  updated_at: created,
}
