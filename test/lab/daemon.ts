/**
 * A process that lives as long as the lab. What it prints goes to a file of LOGS and not through a pipe, so that it costs the
 * lab nothing while nobody looks. A file of DAEMONS tells the lab's other processes its id and its command line, so that a test
 * can end it and start it again.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../harness/time.ts'
import { quoted, show } from './administrator.ts'
import { DAEMONS, LOGS } from './place.ts'

interface Running {
  /** As the lab counts. */
  pid: number
  command: string
  args: readonly string[]
}

export class Daemon {
  readonly #process: ChildProcess
  readonly #name: string

  constructor(name: string, command: string, args: readonly string[]) {
    mkdirSync(LOGS, { recursive: true })
    const log = openSync(join(LOGS, `${name}.log`), 'a')
    this.#name = name
    show(`${quoted([command, ...args])} &`)
    // In a session of its own: what ends a test, such as Ctrl-C, ends no daemon that it started.
    this.#process = spawn(command, args, { stdio: ['ignore', log, log], detached: true })
    this.#process.on('error', error => console.log(`${name}: ${error.message}`))
    closeSync(log)
    mkdirSync(DAEMONS, { recursive: true })
    writeFileSync(recordOf(name), JSON.stringify({ pid: this.pid, command, args } satisfies Running))
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

/**
 * Ends a daemon that any process of the lab started, by SIGTERM or `signal`, and waits until it is gone.
 * @param killAfterMs by SIGKILL then, where it is not
 */
export async function stopDaemon(
  name: string,
  signal: NodeJS.Signals = 'SIGTERM',
  killAfterMs = 10_000,
): Promise<void> {
  const { pid } = running(name)
  process.kill(pid, signal)
  const isGone = async (): Promise<void> => {
    if (commandLine(pid).length > 0) throw new Error('it is there')
  }
  try {
    await eventually(killAfterMs, `the end of ${name}`, isGone, 50)
  } catch {
    process.kill(pid, 'SIGKILL')
    await eventually(5000, `the end of ${name} by SIGKILL`, isGone, 50)
  }
}

/** Starts a daemon that has ended, with its command line of last time. */
export function startAgain(name: string): Daemon {
  const { command, args } = running(name)
  return new Daemon(name, command, args)
}

/** The id of a daemon, as the lab counts. */
export function pidOf(name: string): number {
  return running(name).pid
}

/** Words of the command line of a process; none: it is gone. */
export function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean)
  } catch {
    return []
  }
}

/** Ids of all processes with this text in their command line, as the lab counts. */
export function processesWith(text: string): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => commandLine(pid).join(' ').includes(text))
}

/** The network namespace of a process, as a text that is another one's if that is in the same; '' if it is gone. */
export function networkOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`)
  } catch {
    return ''
  }
}

function running(name: string): Running {
  return JSON.parse(readFileSync(recordOf(name), 'utf8')) as Running
}

function recordOf(name: string): string {
  return join(DAEMONS, `${name}.json`)
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
