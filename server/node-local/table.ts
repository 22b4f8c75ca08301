/**
 * The watcher's own table, held by a child: `nft -i` reads commands from a pipe whose other end only the watcher has. However
 * the watcher ends, nft finds the end of its input and ends too, and the kernel deletes the table with the socket that made it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Address } from './addresses.ts'
import { info, warn } from './log.ts'
import { missingProgram, PROGRAM_ENVIRONMENT, ProgramError, runProgram } from './programs.ts'
import { type Features, isOwnTable, OWN_PREFIX, ownTable, serve } from './rules.ts'

/** How long nft may take until its table is there: 7 s were seen on a busy machine with 20,000 chains of others. */
const MADE_MS = 30_000
const LOOK_EVERY_MS = 50
/** Between the end of nft and its next start. */
const AGAIN_MS = 1000

/** The best first. */
const VARIANTS: readonly Features[] = [
  { owner: true, socket: true },
  { owner: true, socket: false },
  { owner: false, socket: true },
  { owner: false, socket: false },
]

export class OwnTable {
  /** Of this watcher alone: nanoseconds since the node's start. */
  readonly name = `${OWN_PREFIX}${process.hrtime.bigint().toString(36)}`
  #addresses: readonly Address[]
  #features: Features
  #child: ChildProcess | undefined
  #isMade = false
  #isClosed = false

  private constructor(addresses: readonly Address[], features: Features) {
    this.#addresses = addresses
    this.#features = features
  }

  /** @throws ProgramError where nft is missing, or may not do this, with its words */
  static async open(addresses: readonly Address[]): Promise<OwnTable> {
    const table = new OwnTable(addresses, await featuresFor(addresses))
    if (!table.#features.owner) await removeAbandoned()
    await table.#start()
    return table
  }

  /** These are served for the next 1.5 s, and no others. Lost while nft starts anew. */
  serve(addresses: readonly Address[]): void {
    this.#write(serve(this.name, addresses))
  }

  /** The table goes. Safe to call twice. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    const child = this.#child
    if (child === undefined || child.exitCode !== null) return
    const ended = new Promise(done => child.once('close', done))
    if (!this.#features.owner) this.#write(`delete table inet ${this.name}`)
    child.stdin!.end()
    await ended
  }

  #write(command: string): void {
    this.#child?.stdin?.write(`${command}\n`)
  }

  async #start(): Promise<void> {
    // HOME is where nft would keep what was typed.
    const env = { ...PROGRAM_ENVIRONMENT, HOME: '/proc/self/none' }
    const child = spawn('nft', ['-i'], { env, stdio: ['pipe', 'ignore', 'pipe'] })
    this.#child = child
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split('\n')) if (/\bError:/.test(line)) warn(`nft: ${line.trim()}`)
    })
    child.stdin.on('error', () => child.stdin.destroy()) // its end is told below
    child.on('error', cause => warn(missingProgram('nft', cause).message))
    child.on('close', (code, signal) => {
      this.#child = undefined
      this.#isMade = false
      if (this.#isClosed) return
      warn(`nft ended with ${signal ?? `code ${code}`}: nothing is served on the node until it runs again`)
      setTimeout(() => {
        if (!this.#isClosed) this.#start().catch(cause => this.#giveUp(cause))
      }, AGAIN_MS)
    })
    this.#write(ownTable(this.name, this.#addresses, this.#features))
    await this.#made()
    this.#isMade = true
  }

  /** Looks whether it is among the tables that there are; if not, it is made anew. */
  check(names: readonly string[]): void {
    if (!this.#isMade || names.includes(this.name)) return
    this.#isMade = false
    this.#giveUp(new Error(`found no table "${this.name}": it is made again`))
  }

  /** Without its table a child is of no use: it is ended, and the next one started. */
  #giveUp({ message }: Error): void {
    warn(message)
    this.#child?.kill('SIGKILL')
  }

  async #made(): Promise<void> {
    for (let leftMs = MADE_MS; leftMs > 0; leftMs -= LOOK_EVERY_MS) {
      if ((await tables()).includes(this.name)) return
      await new Promise(done => setTimeout(done, LOOK_EVERY_MS))
    }
    throw new ProgramError(
      `nft: found no table "${this.name}" after ${MADE_MS / 1000} s, expected the one that was asked for`,
    )
  }
}

/** Names of all tables of family inet. */
export async function tables(): Promise<string[]> {
  const list = await runProgram('nft', ['list', 'tables', 'inet'])
  return [...list.matchAll(/^table inet (\S+)/gm)].map(([, name]) => name!)
}

/** What kernel and nft take of what is wanted, tried without doing it. What they do not is told once. */
async function featuresFor(addresses: readonly Address[]): Promise<Features> {
  let first: unknown
  for (const features of VARIANTS) {
    try {
      await runProgram('nft', ['--check', '--file', '-'], `${ownTable(`${OWN_PREFIX}check`, addresses, features)}\n`)
    } catch (cause) {
      if (!(cause instanceof ProgramError) || cause.cause !== undefined) throw cause
      first ??= cause
      continue
    }
    if (!features.socket) {
      info(
        'this kernel or nft knows no "socket wildcard": a server that dies is passed over when its connection closes',
      )
    }
    if (!features.owner) {
      info('this kernel or nft knows no "flags owner": a table that a killed watcher leaves is removed by the next one')
    }
    return features
  }
  throw first
}

/** Tables of watchers that are gone: nobody refreshes what they serve. */
async function removeAbandoned(): Promise<void> {
  for (const name of await ownTables()) {
    const sets = await Promise.all(
      [4, 6].map(family => runProgram('nft', ['list', 'set', 'inet', name, `served${family}`])),
    )
    if (!sets.some(text => text.includes('elements'))) await runProgram('nft', ['delete', 'table', 'inet', name])
  }
}

/** Deletes the tables of watchers. @returns those that the kernel keeps, for their owners live */
export async function removeOwnTables(): Promise<string[]> {
  const left: string[] = []
  for (const name of await ownTables()) {
    await runProgram('nft', ['delete', 'table', 'inet', name]).catch(() => left.push(name))
  }
  return left
}

async function ownTables(): Promise<string[]> {
  return (await tables()).filter(isOwnTable)
}
