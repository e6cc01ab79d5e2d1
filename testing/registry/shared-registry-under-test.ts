/** The one registry that test files share: see registry-on-demand.sample.ts. */
import { connect } from 'node:net'
import { inject } from 'vitest'

/** The registry's URL; null, and why, where tests must do without. Throws then in continuous integration. */
export async function registryUrl(): Promise<{ url: string } | { url: null; missing: string }> {
  const answer = await new Promise<string>((resolve, reject) => {
    let text = ''
    const socket = connect(inject('schemaRegistryPort'), '127.0.0.1')
    socket.on('data', (data) => {
      text += data.toString()
    })
    socket.once('end', () => resolve(text))
    socket.once('error', reject)
  })
  const [kind, ...rest] = answer.split(' ')
  if (kind === 'fail') throw new Error(`The tests on a schema registry cannot run: ${rest.join(' ')}`)
  return kind === 'at' ? { url: rest.join(' ') } : { url: null, missing: rest.join(' ') }
}
