/**
 * Reloads, one after the other: the new configuration is built and started beside the old one, then takes its place in
 * one step; the old one ends when its queries are answered. On any error nothing changes.
 */
import { info, error as logError } from '../log.ts'
import { cells, counter, gauge } from '../metrics.ts'
import { waitingQueries } from '../serve.ts'
import type { Generation } from './generation.ts'
import { stopStages } from './lifecycle.ts'
import type { Server } from './server.ts'
import { DRAIN_MS, DRAIN_POLL_MS, poll } from './wait.ts'

const failed = counter('coredns_reload_failed_total', 'Configurations that could not be taken over.')()
const running = gauge('coredns_reload_version_info', 'The configuration that runs, with the value 1.', 'hash', 'value')

export class Reloader {
  readonly #server: Server
  /** Ends when the last reload has, its old generation included. */
  #idle: Promise<void> = Promise.resolve()
  /** A reload that has not begun: it serves all who ask meanwhile. */
  #waiting: Promise<boolean> | undefined

  constructor(server: Server) {
    this.#server = server
  }

  /** Resolves when nothing is being reloaded any more and old generations have ended. */
  get idle(): Promise<void> {
    return this.#idle
  }

  /** Resolves to true once the new configuration serves, to false where the old one stays. */
  request(reason: string): Promise<boolean> {
    if (this.#waiting !== undefined) return this.#waiting
    const begun = this.#idle.then(() => {
      this.#waiting = undefined
      return this.#reload(reason)
    })
    this.#waiting = begun.then(({ serves }) => serves)
    this.#idle = begun.then(({ ended }) => ended)
    return this.#waiting
  }

  async #reload(reason: string): Promise<{ serves: boolean; ended: Promise<void> }> {
    const server = this.#server
    if (server.isLeaving || server.current === undefined) return { serves: false, ended: Promise.resolve() }
    info(undefined, `Reloading: ${reason}`)
    try {
      const previous = await server.takeOver()
      showVersion(server.current, previous)
      info(undefined, 'Reloading complete')
      return { serves: true, ended: this.#end(previous) }
    } catch (cause) {
      cells[failed]! += 1
      const text = cause instanceof Error ? cause.message : String(cause)
      logError(undefined, `Reloading failed, the old configuration stays:\n${text}`, cause)
      return { serves: false, ended: Promise.resolve() }
    }
  }

  /** Lets a generation go, once the queries that it has are answered. */
  async #end(old: Generation | undefined): Promise<void> {
    const { sockets, threads, watcher, current } = this.#server
    if (old === undefined || current === undefined) return
    const closed = sockets.closeUnused(key => current.plans.has(key))
    watcher?.tell() // who asks where nobody listens any more is led elsewhere at once
    await Promise.all([threads.end(old), closed, poll(() => waitingQueries() === 0, DRAIN_POLL_MS, DRAIN_MS)]).catch(
      endFailed,
    )
    await stopStages(old)
  }
}

/** What cannot be let go of is no reason to take nothing over any more. */
function endFailed(cause: unknown): void {
  logError(undefined, `the old configuration did not end: ${cause instanceof Error ? cause.message : cause}`, cause)
}

/** Puts the fingerprint of the running configuration into the metrics. */
export function showVersion(current: Generation | undefined, previous?: Generation): void {
  if (previous !== undefined) running.remove('sha512', previous.configuration.fingerprint)
  if (current !== undefined) running.set(1, 'sha512', current.configuration.fingerprint)
}
