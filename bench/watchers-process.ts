/** Watches events on many connections until it is told to end, then says how late they came. Started by `watchers.ts`. */
import { Agent, get } from 'node:http'
import { latencyHistogram, percentiles, recordMs } from './latency.js'

const [, , url = '', count = '1'] = process.argv
const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY })
const histogram = latencyHistogram()
let open = 0

for (let number = 0; number < Number(count); number++) {
  get(url, { agent }, (response) => {
    open++
    if (open === Number(count)) process.send?.('open')
    let text = ''
    response.setEncoding('utf8').on('data', (chunk: string) => {
      const nowMs = Date.now()
      text += chunk
      for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
        const at = /"at":"([^"]+)"/.exec(text.slice(0, end))?.[1]
        if (at !== undefined) recordMs(histogram, nowMs - Date.parse(at))
        text = text.slice(end + 2)
      }
    })
  })
}
process.on('message', () => {
  process.send?.(percentiles(histogram))
  setImmediate(() => process.exit())
})
