/** The mistakes that setting something up throws, for tables of bad lines. */
import { CorefileError, CorefileErrors } from '../../server/plugin.ts'

export function corefileFailures(task: () => unknown): readonly CorefileError[] {
  try {
    task()
  } catch (error) {
    if (error instanceof CorefileErrors) return error.errors
    if (error instanceof CorefileError) return [error]
    throw error
  }
  throw new Error('nothing was thrown, expected a Corefile error')
}

/** The first of them. */
export function corefileFailure(task: () => unknown): CorefileError {
  return corefileFailures(task)[0]!
}
