import { expect, it } from 'vitest'
import { describeConsole } from '../../testing/ingress/console/console-under-test.js'
import { underway } from '../../testing/ingress/console/scripted-answers.js'

describeConsole('the form to send one', (page) => {
  it('sends what the form says and goes to the notification', async () => {
    page.answers['POST /v1/notifications'] = { status: 202, body: { id: underway.id, status: 'accepted' } }
    await page.open('#/send')
    await page.tab.getByLabel('Send to').selectOption('email')
    await page.tab.getByLabel('E-mail address', { exact: true }).fill('anna@example.com')
    await page.tab.getByLabel('email', { exact: true }).check()
    await page.tab.getByLabel('Subject').fill('Hello')
    await page.tab.getByLabel('Body').fill('It’s here')
    await page.tab.getByText('high', { exact: true }).click()
    await page.tab.getByLabel('Send at').fill('2030-01-02T03:04:05')
    await page.tab.getByRole('button', { name: 'Send', exact: true }).click()
    await page.tab.waitForURL(`**/#/notifications/${underway.id}`)
    expect(page.posted().map(({ body, headers }) => [body, headers.get('idempotency-key')])).toEqual([
      [
        {
          to: { email: 'anna@example.com' },
          channels: ['email'],
          content: { subject: 'Hello', body: 'It’s here' },
          priority: 'high',
          sendAt: new Date('2030-01-02T03:04:05').toISOString(),
        },
        expect.stringMatching(/^[0-9a-f]{32}$/),
      ],
    ])
  })

  it('sends a template with its variables', async () => {
    page.answers['POST /v1/notifications'] = { status: 202, body: { id: underway.id, status: 'accepted' } }
    await page.open('#/send')
    await page.tab.getByText('From a template').click()
    await page.tab.getByLabel('Template', { exact: true }).fill('welcome')
    await page.tab.getByLabel('Variables').fill('{"name": "Anna"}')
    await page.tab.getByRole('button', { name: 'Send', exact: true }).click()
    await page.tab.waitForURL(`**/#/notifications/${underway.id}`)
    expect(page.posted().map(({ body }) => body)).toEqual([
      { to: 'user-42', template: 'welcome', data: { name: 'Anna' } },
    ])
  })

  it('shows each error at its field, the rest at the top, and moves the focus to the first', async () => {
    const errors = [
      { path: 'to', message: 'Who?' },
      { path: '/content/body', message: 'Say something.' },
      { path: 'metadata', message: 'Too large.' },
    ]
    page.answers['POST /v1/notifications'] = { status: 400, body: { title: 'Invalid', errors } }
    await page.open('#/send')
    await page.tab.getByRole('button', { name: 'Send', exact: true }).click()
    await page.tab.getByText('Who?').waitFor()
    expect({
      errors: (await page.text('#send .error')).filter((line) => line !== ''),
      invalid: await page.tab.locator('[aria-invalid="true"]').evaluateAll((nodes) => nodes.map((node) => node.id)),
      focused: await page.tab.evaluate('document.activeElement.id'),
    }).toEqual({
      errors: ['metadata: Too large.', 'Who?', 'Say something.'],
      invalid: ['send-to', 'send-body'],
      focused: 'send-to',
    })
  })

  it('tries again with the same key when no answer came, and with another after an answer', async () => {
    let tries = 0
    await page.open('#/send')
    await page.tab.route('**/v1/notifications', (route) => {
      tries += 1
      return tries === 1 ? route.abort() : route.continue()
    })
    const keys: (string | undefined)[] = []
    page.tab.on('request', (request) => {
      if (request.method() === 'POST') keys.push(request.headers()['idempotency-key'])
    })
    const button = page.tab.getByRole('button', { name: 'Send', exact: true })
    await button.click()
    await page.tab.getByText('Carillon does not answer.').waitFor()
    await button.click()
    await page.tab.getByText('Not found').waitFor()
    await button.click()
    await expect.poll(() => keys.length).toBe(3)
    expect([keys[0] === keys[1], keys[1] === keys[2]]).toEqual([true, false])
  })
})
