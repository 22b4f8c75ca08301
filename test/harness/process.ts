/**
 * Child processes: output kept as lines that can be awaited, ended by pid, all of them ended when the suite ends.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { within } from './time.ts'

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

export interface Output {
  code: number
  stdout: string
  stderr: string
}

const running = new Set<Child>()

/** A long-running process. Its stdout and stderr are one list of lines, in the order they arrived. */
export class Child {
  readonly name: string
  readonly lines: string[] = []
  readonly exited: Promise<Exit>
  exit: Exit | undefined
  #process: ChildProcess
  #events = new EventEmitter()

  constructor(name: string, command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.name = name
    this.#events.setMaxListeners(0)
    this.#process = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    running.add(this)
    for (const stream of [this.#process.stdout!, this.#process.stderr!]) {
      createInterface({ input: stream }).on('line', line => {
        this.lines.push(line)
        this.#events.emit('line')
      })
    }
    this.exited = new Promise((resolve, reject) => {
      this.#process.on('error', reject)
      // 'close' and not 'exit': the last lines are in.
      this.#process.on('close', (code, signal) => {
        running.delete(this)
        this.exit = { code, signal }
        this.#events.emit('line')
        resolve(this.exit)
      })
    })
    this.exited.catch(() => running.delete(this))
  }

  get pid(): number {
    return this.#process.pid!
  }

  /** The first line from index `from` on that matches. Rejects with the last lines when it ends or `ms` have passed. */
  async line(pattern: RegExp, ms: number, from = 0): Promise<string> {
    const deadline = AbortSignal.timeout(ms)
    for (let next = from; ; ) {
      for (; next < this.lines.length; next++) if (pattern.test(this.lines[next]!)) return this.lines[next]!
      if (this.exit)
        throw new Error(`${this.name} ended (${JSON.stringify(this.exit)}) before ${pattern}\n${this.tail()}`)
      try {
        await once(this.#events, 'line', { signal: deadline })
      } catch (cause) {
        throw new Error(`${this.name}: no line matched ${pattern} in ${ms} ms\n${this.tail()}`, { cause })
      }
    }
  }

  tail(count = 15): string {
    return this.lines
      .slice(-count)
      .map(line => `    ${this.name}| ${line}`)
      .join('\n')
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  /** Ends it and waits until it is gone; SIGKILL after `ms`. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', ms = 10_000): Promise<Exit> {
    if (this.exit) return this.exit
    this.signal(signal)
    const kill = setTimeout(() => this.signal('SIGKILL'), ms)
    try {
      return await this.exited
    } finally {
      clearTimeout(kill)
    }
  }
}

/** Runs a command to its end. A code other than 0 is a value, not an error; a command that cannot be started is. */
export function run(command: string, args: readonly string[], env = process.env, ms = 60_000): Promise<Output> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { env, timeout: ms, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number')
        reject(new Error(`${command} ${args.join(' ')}\n${stderr}`, { cause: error }))
      else resolve({ code: error ? (error.code as number) : 0, stdout, stderr })
    })
  })
}

/** As `run`, and any code other than 0 is an error. */
export async function must(command: string, args: readonly string[], env = process.env): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, env)
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with code ${code}\n${stdout}${stderr}`)
  return stdout
}

export function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
}

export async function stopAll(): Promise<void> {
  await within(10_000, 'the end of all processes', Promise.allSettled([...running].map(child => child.stop('SIGKILL'))))
}
