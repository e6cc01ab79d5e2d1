import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { createLogger, type LogFields } from './logging.js'

/** A logger whose lines are kept. */
function kept(pretty = false) {
  const stream = new PassThrough()
  const logger = createLogger({ level: 'info', destination: stream, pretty })
  return { logger, text: () => String(stream.read() ?? '') }
}

function lines(text: string): Record<string, unknown>[] {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

describe('the log', () => {
  test('is one JSON line per message, with its level, time and fields', () => {
    const { logger, text } = kept()
    logger.info('Stage restarted', { stage: 'deliver', restarts: 2 })
    logger.warn('Breaker open', { provider: 'smtp', lag: undefined, problems: ['a', 'b'] })
    expect(lines(text())).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-.+Z$/),
        msg: 'Stage restarted',
        stage: 'deliver',
        restarts: 2,
      },
      { level: 'warn', time: expect.any(String), msg: 'Breaker open', provider: 'smtp', problems: ['a', 'b'] },
    ])
  })

  test('names a trace as OpenTelemetry does, on one line with what the line is about', () => {
    const { logger, text } = kept()
    const trace = { trace_id: '0af7651916cd43dd8448eb211c80319c', span_id: 'b7ad6b7169203331' }
    logger.info('Kept in the outbox', { deliveryId: 'n-1.sms', ...trace })
    expect(lines(text())).toEqual([
      { level: 'info', time: expect.any(String), msg: 'Kept in the outbox', deliveryId: 'n-1.sms', ...trace },
    ])
  })

  test('leaves out what is below its level', () => {
    const { logger, text } = kept()
    logger.debug('Polled', { records: 3 })
    expect(text()).toBe('')
  })

  test('writes no field that is not on its list, and no object where a plain value belongs', () => {
    const { logger, text } = kept()
    const careless = { recipient: 'ann@example.org', content: { text: 'hello' }, stage: { to: 'ann@example.org' } }
    logger.info('Sent', careless as unknown as LogFields)
    expect(lines(text())).toEqual([{ level: 'info', time: expect.any(String), msg: 'Sent', stage: '[object]' }])
  })

  test('tells of an error and its causes without what they carry', () => {
    const { logger, text } = kept()
    const cause = Object.assign(new TypeError('no route'), { code: 'EHOSTUNREACH', address: 'ann@example.org' })
    const error = Object.assign(new Error('The call failed', { cause }), { request: { to: 'ann@example.org' } })
    logger.error('Gave up', { error })
    const written = text()
    expect(lines(written)).toEqual([
      {
        ...{ level: 'error', time: expect.any(String), msg: 'Gave up' },
        error: {
          ...{ name: 'Error', message: 'The call failed', stack: error.stack },
          cause: { name: 'TypeError', code: 'EHOSTUNREACH', message: 'no route', stack: cause.stack },
        },
      },
    ])
    expect(written).not.toContain('ann@example.org')
  })

  test('tells only the kind of a thrown value that is no error', () => {
    const { logger, text } = kept()
    logger.error('Gave up', { error: 'ann@example.org' })
    expect(lines(text())[0]?.error).toEqual({ name: 'Thrown', message: 'A string was thrown instead of an error' })
  })

  test('bounds texts, lists, stacks and chains of causes', () => {
    const { logger, text } = kept()
    const circular = new Error('x'.repeat(10_000))
    circular.cause = circular
    logger.error('Gave up', { error: circular, reason: 'y'.repeat(10_000), problems: Array(1000).fill('z') })
    expect(text().length).toBeLessThan(80_000)
  })

  test('masks addresses and credentials that an error quotes', () => {
    const { logger, text } = kept()
    const error = new Error('550 ann@example.org unknown, +4915112345678 too, at smtp://ann:hunter2@relay:25')
    logger.error('Gave up', { error })
    const written = text()
    expect(lines(written)[0]?.error).toMatchObject({
      message: '550 [e-mail] unknown, [phone] too, at smtp://[credentials]@relay:25',
    })
    expect(written).not.toMatch(/ann@|hunter2|4915112345678/)
  })

  test('is readable on a terminal', () => {
    const { logger, text } = kept(true)
    logger.info('Ready', { listensOn: 'http://127.0.0.1:3000' })
    expect(text()).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: Ready \{"listensOn":"http:\/\/127\.0\.0\.1:3000"\}\n$/)
  })
})
