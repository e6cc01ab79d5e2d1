import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { createLiquid } from './liquid.js'

const liquid = createLiquid({ outputBytes: 100_000, memoryUnits: 500_000 })

function text(source: string, variables = {}): string {
  return liquid.compile(source, 'plain', Number.POSITIVE_INFINITY)(variables)
}

/** Clocks in New York go from 2:00 to 3:00 on this day. */
const times = [
  ['2026-03-08T02:30:00Z', '2026-03-08 02:30'],
  ['2026-03-08T02:30:00', '2026-03-08 02:30'],
  ['2026-03-08 02:30', '2026-03-08 02:30'],
  ['2026-03-08', '2026-03-08 00:00'],
  [' 2026-03-08 ', '2026-03-08 00:00'],
  ['2026-3-8', '2026-03-08 00:00'],
  ['2026-03-08T02:30:00-05:00', '2026-03-08 07:30'],
  ['2026-03-08 02:30:00 +0530', '2026-03-07 21:00'],
  ['March 8, 2026 2:30 AM', '2026-03-08 02:30'],
  ['8 March 2026', '2026-03-08 00:00'],
  ['Sun, 08 Mar 2026 02:30:00 GMT', '2026-03-08 02:30'],
  ['Sun Mar 08 2026 03:30:00 GMT+0100 (Central European Standard Time)', '2026-03-08 02:30'],
  ['8 Mar 2026 02:30 EST', '2026-03-08 07:30'],
  ['03/08/2026 02:30', '2026-03-08 02:30'],
  [1_772_937_000, '2026-03-08 02:30'],
  ['1772937000', '2026-03-08 02:30'],
  ['no time', 'no time'],
] as const

test.each(times)('%s is %s', (time, expected) => {
  expect(text('{{ time | date: "%Y-%m-%d %H:%M" }}', { time })).toBe(expected)
})

test('every date is the same on hosts in all zones and languages', { timeout: 120_000 }, () => {
  const everything =
    '%a %A %b %B %c %C %d %e %h %H %I %j %k %l %L %m %M %N %p %P %q %s %S %u %U %w %W %x %X %y %Y %z %Z'
  const source = `{% for t in times %}{{ t | date: "${everything}" }} {{ t | date }} {{ t | date: "%c", "Asia/Kolkata" }}
    {{ t | date_to_xmlschema }} {{ t | date_to_rfc822 }} {{ t | date_to_string }} {{ t | date_to_long_string }}{% endfor %}`
  const program = `import { createLiquid } from ${JSON.stringify(new URL('./liquid.js', import.meta.url).href)}
    const [source, times] = JSON.parse(process.argv[1])
    const liquid = createLiquid({ outputBytes: 1e6, memoryUnits: 1e6 })
    process.stdout.write(liquid.compile(source, 'plain', Infinity)({ times }))`
  const elsewhere = (TZ: string, LANG: string) => {
    const args = ['--input-type=module', '-e', program, JSON.stringify([source, times.map(([time]) => time)])]
    return execFileSync(process.execPath, args, { encoding: 'utf8', env: { ...process.env, TZ, LANG, LC_ALL: LANG } })
  }
  const here = text(source, { times: times.map(([time]) => time) })
  expect(here).toContain('2026')
  expect(elsewhere('America/New_York', 'de_DE.UTF-8')).toBe(here)
  expect(elsewhere('Pacific/Apia', 'C')).toBe(here)
})

test('now is the time in UTC', () => {
  const before = new Date().toISOString()
  const now = text('{{ "now" | date: "%Y-%m-%dT%H:%M:%S.%LZ" }}')
  expect([before, now, new Date().toISOString()].sort()[1]).toBe(now)
})

test('a template may name a zone, which is shown with its own summer time', () => {
  const variables = { winter: '2026-01-08T12:00:00Z', summer: '2026-07-08T12:00:00Z' }
  expect(text('{{ winter | date: "%H:%M %z", "Europe/Berlin" }}', variables)).toBe('13:00 +0100')
  expect(text('{{ summer | date: "%H:%M %:z %Z", "America/New_York" }}', variables)).toBe(
    '08:00 -04:00 America/New_York',
  )
  expect(text('{{ winter | date: "%H:%M %z", 300 }}', variables)).toBe('07:00 -0500')
  const unknown = () => text('{{ winter | date: "%H", "No/Where" }}', variables)
  expect(unknown).toThrow(expect.objectContaining({ code: 'render-failed' }))
})

test.each([
  ['%-d.%-m.%y', '5.3.26'],
  ['%B %e, %Y', 'March  5, 2026'],
  ['%^a %#p %P %-I:%M', 'THU am am 4:07'],
  ['%d%q %b', '05th Mar'],
  ['%j %U %W %u %w', '064 09 09 4 4'],
  ['%3N|%N|%L|%s', '090|090000000|090|1772683629'],
  ['%5d|%_5d|%05e|%:z|%%|%Q', '00005|    5|00005|+00:00|%|%Q'],
])('the format %s gives %s', (format, expected) => {
  expect(text('{{ time | date: format }}', { time: '2026-03-05T04:07:09.090Z', format })).toBe(expected)
})

test('a width is charged before it is made', () => {
  const work = () => text('{{ 0 | date: "%999999999d" }}')
  expect(work).toThrow(expect.objectContaining({ code: 'template-memory' }))
})
