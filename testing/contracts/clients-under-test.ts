/** Clients that ask again and again, each on a connection that it keeps, and note what they were answered. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { until } from '../until.js'

/** How many of each kind. */
export interface Crowd {
  /** Contract B, each time with a description of its own. */
  readonly posting: number
  /** Native, with a key; those that are told that the first request with it is under way ask once more. */
  readonly keyed: number
  /** Native, without a key. */
  readonly plain: number
  readonly reading: number
}

export interface Load {
  /** Each was to be sent once. */
  readonly texts: readonly string[]
  /** What was not answered as it should. */
  readonly failures: readonly string[]
  /** Resolves when so many more have been asked for. */
  asked(count: number): Promise<void>
  /** Resolves when all are answered. */
  end(): Promise<void>
}

export interface LoadOptions {
  readonly address: string
  readonly name: string
  readonly crowd: Crowd
  /** Contract B's users are numbered from 0. */
  readonly users: number
  /** Of the native ones. */
  readonly phone: string
}

interface Question {
  readonly path: string
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

const retryMs = 1000

export function beginLoad({ address, name, crowd, users, phone }: LoadOptions): Load {
  const { posting, keyed, plain, reading } = crowd
  const dispatcher = new Agent({ connections: posting + keyed + plain + reading })
  const texts: string[] = []
  const failures: string[] = []
  let ended = false

  const answerTo = async ({ path, method = 'POST', headers = {}, body }: Question) => {
    const answer = await request(`${address}${path}`, {
      ...{ dispatcher, method, headers: { 'content-type': 'application/json', ...headers } },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    return { status: answer.statusCode, body: await answer.body.text() }
  }
  const ask = async (question: Question, right: number): Promise<void> => {
    const startMs = performance.now()
    const fails = (why: string) =>
      failures.push(`${question.path} after ${Math.round(performance.now() - startMs)} ms: ${why}`)
    try {
      let { status, body } = await answerTo(question)
      while (status === 409) {
        await sleep(retryMs)
        const again = await answerTo(question)
        status = again.status
        body = again.body
      }
      if (status !== right) fails(`${status} ${body}`)
    } catch (error) {
      fails(String(error))
    }
  }
  const nextText = (): string => {
    const text = `${name} ${texts.length}`
    texts.push(text)
    return text
  }
  const native = (headers: (text: string) => Record<string, string>) => () => {
    const text = nextText()
    const body = { to: { phone }, content: { sms: { text } } }
    return ask({ path: '/v1/notifications', headers: headers(text), body }, 202)
  }
  const kinds: readonly (readonly [number, () => Promise<void>])[] = [
    [
      posting,
      () => {
        const user = texts.length % users
        const body = { user_id: [user], type: 'sms', description: nextText() }
        return ask({ path: '/user/notification', body }, 200)
      },
    ],
    [keyed, native((text) => ({ 'idempotency-key': text }))],
    [plain, native(() => ({}))],
    [reading, () => ask({ path: '/v1/notifications?limit=1', method: 'GET' }, 200)],
  ]
  const loop = async (once: () => Promise<void>) => {
    while (!ended) await once()
  }
  const loops = kinds.flatMap(([count, once]) => Array.from({ length: count }, () => loop(once)))

  return {
    texts,
    failures,
    asked(count) {
      const wanted = texts.length + count
      return until(
        () => texts.length >= wanted,
        () => `${count} more requests; failed so far: ${failures.join('\n')}`,
      )
    },
    async end() {
      ended = true
      await Promise.all(loops)
      await dispatcher.close()
    },
  }
}
