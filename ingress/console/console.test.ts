import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { describeConsole, listed, ok, usual, views } from '../../testing/ingress/console/console-under-test.js'
import { hostile, letter, outbox } from '../../testing/ingress/console/scripted-answers.js'
import type { Answer } from '../../testing/ingress/console/scripted-api.js'
import { consoleFiles } from '../routes/console.js'

describeConsole('the console', (page) => {
  it('asks for every file that is served, and for no other', async () => {
    const asksFor = new Set<string>()
    page.tab.on('request', (request) => asksFor.add(new URL(request.url()).pathname))
    await page.open('#/')
    await page.tab.waitForLoadState('networkidle')
    const files = [...asksFor].filter((path) => path === '/' || path.startsWith('/console/'))
    expect(files.sort()).toEqual(
      consoleFiles()
        .map(({ path }) => path)
        .sort(),
    )
  })

  it('asks for the key when the API does, keeps it for the tab only, and sends it', async () => {
    for (const [path, answer] of Object.entries(usual)) {
      page.answers[path] = ({ headers }) =>
        headers.get('authorization') === 'Bearer sesame'
          ? (answer as Answer)
          : { status: 401, body: { title: 'Key needed' } }
    }
    await page.open('#/')
    await page.tab.getByLabel('API key').fill('wrong')
    await page.tab.getByRole('button', { name: 'Continue' }).click()
    await page.tab.getByText('This key was refused.').waitFor()
    await page.tab.getByLabel('API key').fill('sesame')
    await page.tab.getByRole('button', { name: 'Continue' }).click()
    await page.tab.getByText('Ready', { exact: true }).waitFor()
    expect(
      await page.tab.evaluate('[Object.values(sessionStorage), Object.values(localStorage), document.cookie]'),
    ).toEqual([['sesame'], [], ''])
  })

  it('tells of trouble in one line and recovers at once when asked to', async () => {
    page.answers['GET /v1/flow'] = { status: 503, body: { detail: 'The store is away.' } }
    page.answers['GET /v1/stats'] = { status: 503, body: { detail: 'The store is away.' } }
    await page.open('#/')
    await page.tab.getByText('The store is away. Trying again by itself.').waitFor()
    page.answers = { ...usual }
    await page.tab.getByRole('button', { name: 'Try now' }).click()
    await page.tab.getByText('Ready', { exact: true }).waitFor()
    await page.tab.locator('#trouble:not(.shown)').waitFor({ state: 'attached' })
    expect(await page.text('#trouble-text')).toEqual([''])
  })

  it('asks nothing while it is hidden and at once when it is seen again', async () => {
    await page.tab.clock.install()
    await page.open('#/')
    await page.tab.getByText('Ready', { exact: true }).waitFor()
    await see(page.tab, false)
    const before = page.asked.length
    await page.tab.clock.runFor(60_000)
    const hidden = page.asked.length - before
    await see(page.tab, true)
    await expect.poll(() => page.asked.length).toBeGreaterThan(before)
    expect(hidden).toBe(0)
  })

  it('takes data for text everywhere, and complains of nothing', async () => {
    page.answers['GET /v1/outbox'] = listed([
      { ...outbox[1], address: hostile, message: { subject: hostile, text: hostile } },
    ])
    page.answers['GET /v1/dead-letters'] = listed([{ ...letter, detail: hostile }])
    page.answers[`GET /v1/dead-letters/${letter.id}`] = ok({ ...letter, detail: hostile, decoded: { hostile } })
    const found: unknown[] = []
    for (const hash of views) {
      await page.open(hash)
      await page.tab.getByRole('heading', { level: 1 }).waitFor()
      await page.tab.waitForLoadState('networkidle')
      found.push(await page.tab.evaluate('[document.querySelectorAll("main img, main script").length, document.title]'))
    }
    expect(found.flat()).not.toContain('owned')
    expect([found.map((each) => (each as unknown[])[0]), page.complaints]).toEqual([views.map(() => 0), []])
  })

  it.each([390, 1440])('fits %i pixels, with a name for every control, in every view', async (width) => {
    await page.tab.setViewportSize({ width, height: 900 })
    const found: unknown[] = []
    for (const hash of views) {
      await page.open(hash)
      await page.tab.getByRole('heading', { level: 1 }).waitFor()
      await expect.poll(() => page.tab.getByText('Asking…').count()).toBe(0)
      const overflow = await page.tab.evaluate('document.documentElement.scrollWidth - innerWidth')
      found.push({
        hash,
        overflow,
        nameless: await page.tab.evaluate(namelessControls),
        landmarks: await page.tab.evaluate(landmarks),
      })
    }
    expect(found).toEqual(views.map((hash) => ({ hash, overflow: 0, nameless: [], landmarks: [1, 1, 1, 1] })))
  })
})

/** Controls that a screen reader could not name, and ids that stand twice. */
const namelessControls = `[
  ...[...document.querySelectorAll('input, select, textarea')].filter((node) => !node.labels.length).map((node) => node.outerHTML),
  ...[...document.querySelectorAll('a, button, iframe')].filter((node) => !(node.textContent.trim() || node.title)).map((node) => node.outerHTML),
  ...[...document.querySelectorAll('[id]')].map((node) => node.id).filter((id, index, all) => all.indexOf(id) !== index),
  ...[...document.querySelectorAll('[aria-describedby], [aria-labelledby]')].flatMap((node) =>
    (node.getAttribute('aria-describedby') ?? node.getAttribute('aria-labelledby')).split(' ')).filter((id) => !document.getElementById(id)),
]`

const landmarks = `['header', 'main', 'footer', 'main h1'].map((selector) => document.querySelectorAll(selector).length)`

/** Tells the page that its tab is shown or hidden. */
async function see(tab: Page, visible: boolean): Promise<void> {
  await tab.evaluate(`{
    Object.defineProperty(document, 'hidden', { value: ${!visible}, configurable: true })
    document.dispatchEvent(new Event('visibilitychange'))
  }`)
}
