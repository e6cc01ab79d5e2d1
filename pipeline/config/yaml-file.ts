/** Reads the bytes of the configuration file. */
import { readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { LineCounter, parseDocument } from 'yaml'

/** More than any such file needs; guards against a wrong path. */
const maxFileBytes = 1024 * 1024

/** What a file holds, or one line for each problem. */
export interface YamlFile {
  readonly document: unknown
  readonly problems: readonly string[]
}

/** Reads a YAML file. The parser's own messages quote the source, which may hold a secret: a problem says only where
 *  it is and of what kind. */
export function readYaml(path: string): YamlFile {
  const name = basename(path)
  try {
    if (statSync(path).size > maxFileBytes) return unreadable(`${name} is larger than 1 MiB; is it the right file?`)
    const lineCounter = new LineCounter()
    const yaml = parseDocument(readFileSync(path, 'utf8'), { lineCounter, prettyErrors: false })
    const problems = yaml.errors.map(({ code, pos }) => {
      const { line, col } = lineCounter.linePos(pos[0])
      return `CARILLON_CONFIG: ${name} is not YAML at line ${line}, column ${col} (${code.toLowerCase().replaceAll('_', ' ')})`
    })
    return problems.length > 0
      ? { document: null, problems }
      : { document: yaml.toJS({ maxAliasCount: 100 }), problems }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : null
    if (code === 'ENOENT') return unreadable(`${name} does not exist; check the path, or unset the variable`)
    if (code !== null) return unreadable(`${name} cannot be read (${code}); it must be a file that Carillon may read`)
    return unreadable(`${name} has aliases that cannot be resolved, or too many of them`)
  }
}

function unreadable(problem: string): YamlFile {
  return { document: null, problems: [`CARILLON_CONFIG: ${problem}`] }
}
