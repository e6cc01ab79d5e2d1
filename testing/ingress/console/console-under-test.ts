/** A real Chromium on the console, for its tests. Without one they are skipped, but never where CI is set. */
import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe } from 'vitest'
import { letter, outbox, records, stages, stats, underway } from './scripted-answers.js'
import { type Answer, type Asked, type ScriptedServer, serveConsole } from './scripted-api.js'

const executablePath = '/usr/bin/chromium'
const flags =
  '--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'
const skipped = !existsSync(executablePath) && process.env.CI !== 'true'
const viewport = { width: 1440, height: 900 }

/** What a test sees of the console, and how it drives it. Fresh for every test. */
export interface ConsoleUnderTest {
  readonly tab: Page
  /** What the API answers, by method and path. */
  answers: Record<string, Answer | ((asked: Asked) => Answer)>
  /** What the API was asked, in order. */
  readonly asked: readonly Asked[]
  /** Errors and warnings in the browser's own console. */
  readonly complaints: readonly string[]
  open(hash: string): Promise<void>
  /** The text of every element that matches. */
  text(selector: string): Promise<string[]>
  /** What was asked by POST. */
  posted(): Asked[]
}

export const ok = (body: unknown): Answer => ({ status: 200, body })

/** The only page of a list. */
export const listed = (data: readonly unknown[]): Answer => ok({ data, nextCursor: null })

/** What the API answers unless a test says otherwise. */
export const usual: Readonly<Record<string, Answer>> = {
  'GET /v1/flow': ok({ stages, problems: [] }),
  'GET /v1/stats': ok({ channels: stats }),
  'GET /v1/notifications': listed(records),
  [`GET /v1/notifications/${underway.id}`]: ok(underway),
  'GET /v1/templates': listed([{ id: 'welcome' }]),
  'GET /v1/outbox': listed(outbox),
  'GET /v1/dead-letters': listed([letter]),
  [`GET /v1/dead-letters/${letter.id}`]: ok(letter),
}

/** The hash of every view. */
export const views = [
  '#/',
  '#/notifications',
  `#/notifications/${underway.id}`,
  '#/send',
  '#/outbox',
  '#/dead-letters',
  `#/dead-letters/${letter.id}`,
] as const

/** Defines tests of the console. */
export function describeConsole(title: string, define: (page: ConsoleUnderTest) => void): void {
  describe.skipIf(skipped)(skipped ? `${title} (skipped: there is no ${executablePath})` : title, () => {
    let browser: Browser
    let server: ScriptedServer
    let tab: Page
    let asked: Asked[]
    let complaints: string[]
    const page: ConsoleUnderTest = {
      get tab() {
        return tab
      },
      get asked() {
        return asked
      },
      get complaints() {
        return complaints
      },
      answers: {},
      open: async (hash) => void (await tab.goto(server.url + hash)),
      text: (selector) => tab.locator(selector).allInnerTexts(),
      posted: () => asked.filter(({ method }) => method === 'POST'),
    }

    beforeAll(async () => {
      browser = await chromium.launch({ executablePath, args: flags.split(' ') })
      server = await serveConsole((request) => {
        asked.push(request)
        const answer = page.answers[`${request.method} ${request.path}`] ?? {
          status: 404,
          body: { title: 'Not found' },
        }
        return typeof answer === 'function' ? answer(request) : answer
      })
    })

    afterAll(async () => {
      await browser?.close()
      await server?.close()
    })

    beforeEach(async () => {
      page.answers = { ...usual }
      asked = []
      complaints = []
      tab = await browser.newPage({ viewport })
      tab.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
      })
      tab.on('pageerror', (error) => complaints.push(String(error)))
    })

    afterEach(() => tab.context().close())

    define(page)
  })
}
