import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { FolderInUse, FolderUnusable, lockFolder } from './folder-lock.js'

const root = mkdtempSync(join(tmpdir(), 'carillon-lock-'))
afterAll(() => rmSync(root, { recursive: true }))

const failure = (folder: string): unknown => {
  try {
    lockFolder(folder)()
    return null
  } catch (error) {
    return error
  }
}

/** A process that holds the lock until it is killed. */
async function holder(folder: string): Promise<ChildProcess> {
  const module = pathToFileURL(join(import.meta.dirname, 'folder-lock.js')).href
  const script = `import { lockFolder } from '${module}'
    lockFolder(process.argv[1]); process.stdout.write('locked'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, folder], { stdio: ['ignore', 'pipe', 2] })
  if (child.stdout) await once(child.stdout, 'data')
  return child
}

test('a folder that is missing is made, locked for one, and free again afterwards', () => {
  const folder = join(root, 'new', 'deep')
  const unlock = lockFolder(folder)
  expect(failure(folder)).toBeInstanceOf(FolderInUse)
  unlock()
  expect(failure(folder)).toBeNull()
})

test('another process is named, and its lock ends with it, even when it is killed', async () => {
  const folder = join(root, 'shared')
  const child = await holder(folder)
  const refused = failure(folder)
  expect(refused).toMatchObject({ code: 'folder-in-use', message: expect.stringContaining(`process ${child.pid}`) })
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(failure(folder)).toBeNull()
})

test.each([
  ['is a file', (folder: string) => writeFileSync(folder, '')],
  [
    'has a folder where the lock should be',
    (folder: string) => {
      mkdirSync(join(folder, 'lock'), { recursive: true })
    },
  ],
  [
    'has something else where the lock should be',
    (folder: string) => {
      mkdirSync(folder)
      writeFileSync(join(folder, 'lock'), 'no database, but long enough to look like one'.repeat(100))
    },
  ],
])('a folder that %s cannot be used, and is not said to be in use', (what, prepare) => {
  const folder = join(root, what.replaceAll(' ', '-'))
  prepare(folder)
  const refused = failure(folder)
  expect(refused).toBeInstanceOf(FolderUnusable)
  expect(refused).toMatchObject({ message: expect.stringContaining('CARILLON_DATA') })
})
