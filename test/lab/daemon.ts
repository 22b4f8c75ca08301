/**
 * A process that lives as long as the lab. What it prints goes to a file of LOGS and not through a pipe, so that it costs the
 * lab nothing while nobody looks.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../harness/time.ts'
import { LOGS } from './place.ts'

export class Daemon {
  readonly #process: ChildProcess
  readonly #name: string

  constructor(name: string, command: string, args: readonly string[]) {
    mkdirSync(LOGS, { recursive: true })
    const log = openSync(join(LOGS, `${name}.log`), 'a')
    this.#name = name
    this.#process = spawn(command, args, { stdio: ['ignore', log, log] })
    this.#process.on('error', error => console.log(`${name}: ${error.message}`))
    closeSync(log)
  }

  get pid(): number {
    return this.#process.pid!
  }

  /** Calls `attempt` until it returns without an error, `ms` at most; an error at once where the process has ended. */
  async until(what: string, ms: number, attempt: () => Promise<unknown>): Promise<void> {
    const hasEnded = (): boolean => this.#process.exitCode !== null || this.#process.signalCode !== null
    await eventually(
      ms,
      what,
      async () => {
        if (!hasEnded()) await attempt()
      },
      200,
    )
    if (!hasEnded()) return
    const { exitCode, signalCode } = this.#process
    throw new Error(`${what}: ${this.#name} ended with ${signalCode ?? exitCode}\n${tailOf(`${this.#name}.log`)}`)
  }
}

/** The last lines of every log, for a start that failed. */
export function tails(): string {
  return readdirSync(LOGS)
    .map(file => tailOf(file))
    .join('\n')
}

function tailOf(file: string, lines = 8): string {
  const text = readFileSync(join(LOGS, file), 'utf8').trimEnd().split('\n')
  return text
    .slice(-lines)
    .map(line => `    ${file.replace('.log', '')}| ${line.slice(0, 400)}`)
    .join('\n')
}
