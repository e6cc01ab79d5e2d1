/** Tells trouble around the stages from a record that breaks one. */
import { StageCrash } from '../../stages/stage.js'

/** Codes of errors that are no record's fault. */
const outsideTrouble: ReadonlySet<unknown> = new Set(['unavailable', 'storage-full', 'fenced'])

/** True for trouble of the log, the store or the group, also where a stage met it at some record. */
export function isOutsideTrouble(error: unknown): boolean {
  if (error instanceof StageCrash) return isOutsideTrouble(error.cause)
  return typeof error === 'object' && error !== null && 'code' in error && outsideTrouble.has(error.code)
}
