import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { ConfigProblems } from '../config/problems.js'
import { startProblem } from './start.js'

const folder = mkdtempSync(join(tmpdir(), 'carillon-start-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Runs `runUntilStopped` over a pipeline that is written here, in a process of its own. */
function run(begin: string): ChildProcess {
  const file = join(folder, `${begin.length}.mjs`)
  const folderUrl = pathToFileURL(import.meta.dirname).href
  writeFileSync(
    file,
    `import { runUntilStopped } from '${folderUrl}/start.js'
     import { CommandFailed } from '${folderUrl}/exit.js'
     const alive = setInterval(() => {}, 1000)
     try { await runUntilStopped(${begin}); clearInterval(alive) }
     catch (error) { if (!(error instanceof CommandFailed)) throw error
       process.stderr.write(error.message + '\\n'); process.exit(error.exitCode) }`,
  )
  return spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'pipe'] })
}

async function endOf(child: ChildProcess) {
  const [err, code] = await Promise.all([
    child.stderr ? text(child.stderr) : '',
    new Promise((resolve) => child.on('close', resolve)),
  ])
  return { code, err }
}

function linesOf(child: ChildProcess): Interface {
  if (!child.stdout) throw new Error('no standard output')
  return createInterface(child.stdout)
}

const address = 'http://127.0.0.1:3000'

describe('carillon start', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('prints its address, and drains on %s', async (signal) => {
    const child = run(
      `async () => ({ address: '${address}', close: async () => { process.stderr.write('closed\\n') } })`,
    )
    const ended = endOf(child)
    expect(await once(linesOf(child), 'line')).toEqual([`Carillon listens on ${address}`])
    child.kill(signal)
    expect(await ended).toEqual({
      code: 0,
      err: `${signal}: finishing what is under way; once more stops at once\nclosed\n`,
    })
  })

  test('stops at once on a second signal', async () => {
    const child = run(`async () => ({ address: '${address}', close: () => {
      process.stdout.write('draining\\n'); return new Promise(() => {}) } })`)
    const ended = endOf(child)
    const lines: string[] = []
    for await (const line of linesOf(child)) {
      lines.push(line)
      child.kill('SIGTERM')
    }
    expect({ lines, code: (await ended).code }).toEqual({
      lines: [`Carillon listens on ${address}`, 'draining'],
      code: 143,
    })
  })

  test('obeys a signal that comes while it begins', async () => {
    const child = run(`async () => { process.kill(process.pid, 'SIGTERM'); await new Promise(setImmediate)
      return { address: '${address}', close: async () => {} } }`)
    expect((await endOf(child)).code).toBe(0)
  })

  test('gives up what does not end in time', async () => {
    const child = run(`async () => { process.kill(process.pid, 'SIGTERM')
      return { address: '${address}', close: () => new Promise(() => {}) } }, 50`)
    const { code, err } = await endOf(child)
    expect({ code, last: err.trim().split('\n').at(-1) }).toEqual({
      code: 1,
      last: 'Not everything ended within 0.05 s. Nothing accepted is lost: the next start goes on with it.',
    })
  })

  test('says so when it does not stop cleanly', async () => {
    const child = run(`async () => { process.kill(process.pid, 'SIGINT')
      return { address: '${address}', close: async () => { throw new Error('The disk is gone') } } }`)
    const { code, err } = await endOf(child)
    expect({ code, last: err.trim().split('\n').at(-1) }).toEqual({
      code: 1,
      last: 'Carillon did not stop cleanly: The disk is gone',
    })
  })
})

describe('a start that fails says what to do', () => {
  test('about a port in use, as the system reports it', async () => {
    const first = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => first.once('listening', resolve))
    const { port } = first.address() as { port: number }
    const error = await new Promise((resolve) => createServer().once('error', resolve).listen(port, '127.0.0.1'))
    await new Promise((resolve) => first.close(resolve))
    expect(startProblem(error)).toBe(
      `Port ${port} is in use. Stop what listens there, or set CARILLON_PORT to another (0 picks a free one).`,
    )
  })

  test.each([
    [
      Object.assign(new Error('x'), { code: 'EADDRNOTAVAIL' }),
      'CARILLON_HOST is no address of this machine. Set it to one, like 127.0.0.1.',
    ],
    [
      Object.assign(new Error('x'), { code: 'EACCES', syscall: 'listen', port: 80 }),
      'Port 80 needs more rights than this process has. Set CARILLON_PORT to one above 1023.',
    ],
    [
      Object.assign(new Error('x'), { code: 'EACCES', syscall: 'mkdir', path: '/data' }),
      '/data cannot be written (EACCES). Set CARILLON_DATA to a folder that this user may write.',
    ],
    [
      Object.assign(new Error('x'), { code: 'ENOSPC' }),
      'The disk is full. Free some space, or set CARILLON_DATA to a folder on another disk.',
    ],
    [
      Object.assign(new Error('The data folder is in use by process 7. Stop it.'), { code: 'data-folder-in-use' }),
      'The data folder is in use by process 7. Stop it.',
    ],
    [new ConfigProblems(['A: b', 'C: d']), 'Carillon cannot start with this configuration:\nA: b\nC: d'],
  ])('about %s', (error, message) => {
    expect(startProblem(error)).toBe(message)
  })

  test('about something nobody foresaw, with the stack', () => {
    expect(startProblem(new TypeError('x is undefined'))).toMatch(
      /^Carillon cannot start: TypeError: x is undefined\n +at /,
    )
  })
})
