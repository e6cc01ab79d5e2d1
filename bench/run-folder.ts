/** A folder for one run. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Gives `run` an empty folder and removes it afterwards. It is kept where `run` throws, or asks for it. */
export async function inFolder<T>(run: (folder: string, keep: () => void) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-bench-'))
  let kept = false
  try {
    return await run(folder, () => {
      kept = true
    })
  } catch (error) {
    kept = true
    throw error
  } finally {
    if (kept) process.stderr.write(`The run's data is kept in ${folder}\n`)
    else rmSync(folder, { recursive: true, force: true })
  }
}
