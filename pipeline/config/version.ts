/** Carillon's own version. */
import { readFileSync } from 'node:fs'

/** As package.json has it. */
export function carillonVersion(): string {
  // From the compiled file, dist/pipeline.
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
  return (manifest as { version: string }).version
}
