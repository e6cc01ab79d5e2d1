import { expect, it } from 'vitest'
import { describeConsole, listed, ok } from '../../testing/ingress/console/console-under-test.js'
import {
  ended,
  hostile,
  letter,
  outbox,
  records,
  stages,
  underway,
} from '../../testing/ingress/console/scripted-answers.js'

describeConsole('the views of the console', (page) => {
  it('shows the six stages with rates, and the lag of each lane whatever ways it has', async () => {
    await page.open('#/')
    await page.tab.getByText('Ready', { exact: true }).waitFor()
    const [deliver] = await page.text('.flow [data-stage="deliver"]')
    expect({
      stages: await page.text('.flow h3'),
      rates: await page.text('.flow .number'),
      deliver: deliver?.split(/\s+/),
    }).toEqual({
      stages: ['dedupe', 'enrich-template', 'route', 'throttle', 'deliver', 'record'],
      rates: ['1,204', '1,198', '1,199', '1,187', '986', '2,411'],
      deliver: 'deliver Calls the providers 986 /s Waiting high 1 normal 25 low 96 48,211 done · 1 restart'.split(' '),
    })
    expect(page.complaints).toEqual([])
  })

  it('says why it is not ready', async () => {
    page.answers['GET /v1/flow'] = ok({ stages, problems: ['deliver restarts after a crash'] })
    await page.open('#/')
    await page.tab.getByText('Not ready', { exact: true }).waitFor()
    expect(await page.text('.problems li')).toEqual(['deliver restarts after a crash'])
  })

  it('asks for the notifications that the filters name', async () => {
    await page.open('#/notifications')
    await page.tab.getByLabel('Status').selectOption('failed')
    await page.tab.getByLabel('Recipient').fill('user-5')
    const filtered = await page.tab.waitForRequest((request) => request.url().includes('recipient=user-5'))
    expect(Object.fromEntries(new URL(filtered.url()).searchParams)).toEqual({
      status: 'failed',
      recipient: 'user-5',
      limit: '25',
    })
  })

  it('turns to older pages and back to the newest', async () => {
    page.answers['GET /v1/notifications'] = ({ query }) =>
      query.get('cursor') === 'c2' ? listed(records.slice(4, 5)) : ok({ data: records.slice(0, 2), nextCursor: 'c2' })
    await page.open('#/notifications')
    await page.tab.getByRole('button', { name: 'Older' }).click()
    await page.tab.getByText('user-5').waitFor()
    const older = await page.text('.row .main')
    await page.tab.getByRole('button', { name: 'Newest' }).click()
    await page.tab.getByText('user-2').waitFor()
    expect([older, await page.text('.row .main')]).toEqual([['user-5'], ['anna.lindqvist@example.com', 'user-2']])
  })

  it('does not move the list under a pointer, and catches up after it', async () => {
    page.answers['GET /v1/notifications'] = listed(records.slice(1, 3))
    await page.open('#/notifications')
    await page.tab.getByText('user-2').hover()
    page.answers['GET /v1/notifications'] = listed(records.slice(0, 2))
    await page.tab.getByText('Newer ones wait until you look away').waitFor()
    const held = await page.text('.row .main')
    await page.tab.mouse.move(0, 0)
    await page.tab.getByText(underway.recipient).waitFor()
    expect([held, await page.text('.row .main')]).toEqual([
      ['user-2', hostile],
      [underway.recipient, 'user-2'],
    ])
  })

  it('opens a notification from the list and follows it to its end', async () => {
    await page.open('#/notifications')
    await page.tab.getByText(underway.recipient).click()
    await page.tab.getByText('retried').waitFor()
    page.answers[`GET /v1/notifications/${underway.id}`] = ok(ended)
    await page.tab.locator('.standing', { hasText: 'delivered' }).waitFor()
    expect({
      address: new URL(page.tab.url()).hash,
      events: await page.text('.timeline strong'),
      deliveries: await page.text('.delivery h3'),
      cancel: await page.tab.getByRole('button', { name: 'Cancel it' }).isVisible(),
    }).toEqual({
      address: `#/notifications/${underway.id}`,
      events: ended.timeline.map(({ event }) => event),
      deliveries: [expect.stringContaining('by outbox'), expect.stringContaining('by http')],
      cancel: false,
    })
  })

  it('cancels, and says so when it is too late', async () => {
    page.answers[`POST /v1/notifications/${underway.id}/cancel`] = {
      status: 409,
      body: { detail: 'It has already left.' },
    }
    await page.open(`#/notifications/${underway.id}`)
    await page.tab.getByRole('button', { name: 'Cancel it' }).click()
    await page.tab.getByText('It has already left.').waitFor()
    expect(page.posted().map(({ path }) => path)).toEqual([`/v1/notifications/${underway.id}/cancel`])
  })

  it('shows an e-mail of the outbox locked up, and says that nothing was sent', async () => {
    await page.open('#/outbox')
    await page.tab.getByText('Nothing here was sent.').waitFor()
    await page.tab.getByText('Reset your password').click()
    const frame = page.tab.locator('iframe')
    expect({ sandbox: await frame.getAttribute('sandbox'), srcdoc: await frame.getAttribute('srcdoc') }).toEqual({
      sandbox: '',
      srcdoc: outbox[0]?.message.html,
    })
    expect(await page.tab.frameLocator('iframe').locator('p').textContent()).toBe('Use 471 902.')
  })

  it('replays a dead letter', async () => {
    page.answers[`POST /v1/dead-letters/${letter.id}/replay`] = () => {
      page.answers[`GET /v1/dead-letters/${letter.id}`] = ok({ ...letter, status: 'replayed', replays: 1 })
      return ok({ status: 'replayed' })
    }
    await page.open('#/dead-letters')
    await page.tab.getByText('unknown-schema in dedupe').click()
    await page.tab.getByRole('button', { name: 'Replay it' }).click()
    await page.tab.locator('.standing', { hasText: 'replayed' }).waitFor()
    expect(await page.text('.verdict')).toEqual(['Put back where it was given up.'])
  })
})
