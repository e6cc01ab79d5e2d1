/** A mapping of the configuration file. */
import { z } from 'zod'
import { unknownNames } from './problems.js'

/** A mapping with these keys and no others. */
export function section<S extends z.ZodRawShape>(shape: S) {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? unknownNames(issue.keys, Object.keys(shape))
        : `must be a mapping of keys like ${Object.keys(shape)[0]}: …`,
  })
}
