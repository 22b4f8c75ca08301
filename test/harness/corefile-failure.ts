/** The first mistake that setting something up throws, for tables of bad lines. */
import { CorefileError, CorefileErrors } from '../../server/plugin.ts'

export function corefileFailure(task: () => unknown): CorefileError {
  try {
    task()
  } catch (error) {
    if (error instanceof CorefileErrors) return error.errors[0]!
    if (error instanceof CorefileError) return error
    throw error
  }
  throw new Error('nothing was thrown, expected a Corefile error')
}
