/** Exceptions that nobody caught, of the main thread and of the others alike. */
import { error } from '../log.ts'
import { cells, counter } from '../metrics.ts'

/** From now on an exception that nobody caught costs what it interrupted, and no more. */
export function surviveExceptions(): void {
  const panics = counter('coredns_panics_total', 'Queries that ended in an exception.')()
  const survive = (cause: unknown) => {
    cells[panics]! += 1
    error(undefined, `uncaught exception: ${cause instanceof Error ? (cause.stack ?? cause.message) : cause}`)
  }
  process.on('uncaughtException', survive)
  process.on('unhandledRejection', survive)
}
