/** The servers of a comparison: started each under a Corefile of its own, on ports that are free, and ended together. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HEADER_BYTES } from '../server/wire/query.ts'
import type { ClusterSize } from './cluster/objects.ts'
import type { Target } from './dnsperf.ts'
import { freePorts } from './ports.ts'

export const ROOT = join(import.meta.dirname, '..')
const READY_TRIES = 6_000
const READY_PAUSE_MS = 10
const ANSWER_MS = 500

export interface Replay {
  readonly child: ChildProcess
  readonly port: number
  readonly url: string
  /** The line of the Corefile that names it. */
  readonly source: string
}

export interface Started extends Target {
  /** From the start of the process to its first /ready, at a resolution of some 10 ms. */
  readonly readyAfterMs: number
  readonly metricsUrl: string
}

/** Where a server is to listen, all on 127.0.0.1. */
export interface Ports {
  readonly dns: number
  readonly health: number
  readonly ready: number
  readonly metrics: number
}

/** Writes a Corefile for these ports. It has to hold `ready`. */
export type Corefile = (ports: Ports) => string

/** Variables of the environment, besides those of this process. */
export type Environment = Readonly<Record<string, string>>

/** A folder for what the run writes, and the processes that it started: both are gone after `end`. */
export class Sides {
  readonly folder = mkdtempSync(join(tmpdir(), 'sextant-bench-'))
  readonly #children: ChildProcess[] = []
  readonly #isAlone: boolean

  /** @param isAlone no peers, whatever is on PATH */
  constructor(isAlone = false) {
    this.#isAlone = isAlone
  }

  /** True if this peer is to be had and wanted. */
  has(command: string): boolean {
    return !this.#isAlone && isOnPath(command)
  }

  /** Starts the replayed API server. */
  async replay(size: ClusterSize, port = 0): Promise<Replay> {
    const script = join(ROOT, 'bench/cluster/api-server.ts')
    const child = this.spawn(process.execPath, [script, `${port}`, JSON.stringify(size)])
    const line = await new Promise<string>(resolve => child.stdout!.once('data', data => resolve(`${data}`)))
    const at = Number(/\d+/.exec(line)![0])
    return { child, port: at, url: `http://127.0.0.1:${at}`, source: `endpoint http://127.0.0.1:${at}` }
  }

  sextant(corefile: Corefile, environment: Environment = {}): Promise<Started> {
    return this.#serve('sextant', join(ROOT, 'bin/sextant'), corefile, environment)
  }

  /** True if Sextant has a plugin of this name. */
  sextantHas(plugin: string): boolean {
    return execFileSync(join(ROOT, 'bin/sextant'), ['-plugins'], { encoding: 'utf8' }).split('\n').includes(plugin)
  }

  /** A `coredns` on PATH, undefined where there is none. */
  async coredns(corefile: Corefile): Promise<Started | undefined> {
    return this.has('coredns') ? this.#serve('coredns', 'coredns', corefile) : undefined
  }

  /** Starts a process that ends with the run. Its standard output is a pipe. */
  spawn(command: string, args: string[], environment: Environment = {}): ChildProcess {
    const env = { ...process.env, ...environment }
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], cwd: ROOT, env })
    this.#children.push(child)
    return child
  }

  /** Ends a server of ours. */
  stop({ pid }: { pid: number }): void {
    this.#children.find(child => child.pid === pid)?.kill('SIGKILL')
  }

  end(): void {
    for (const child of this.#children) child.kill('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }

  async #serve(name: string, command: string, corefile: Corefile, environment: Environment = {}): Promise<Started> {
    const [dns, health, ready, metrics] = await freePorts(4)
    const file = join(this.folder, `Corefile.${dns}`)
    writeFileSync(file, corefile({ dns: dns!, health: health!, ready: ready!, metrics: metrics! }))
    const startedAtMs = performance.now()
    const child = this.spawn(command, ['-conf', file, '-quiet'], environment)
    child.stdout!.resume()
    const url = `http://127.0.0.1:${ready}/ready`
    await until(child, name, async () => (await fetch(url).catch(() => undefined))?.ok === true)
    const readyAfterMs = performance.now() - startedAtMs
    await until(child, name, () => answers(dns!)) // a CoreDNS of several sockets is ready before it has them
    const metricsUrl = `http://127.0.0.1:${metrics}/metrics`
    return { name, address: '127.0.0.1', port: dns!, pid: child.pid!, readyAfterMs, metricsUrl }
  }
}

/** True if a UDP port of 127.0.0.1 says anything to a header without a question, which is FORMERR and goes nowhere. */
function answers(port: number): Promise<boolean> {
  const socket = createSocket('udp4')
  return new Promise<boolean>(resolve => {
    const timer = setTimeout(() => resolve(false), ANSWER_MS)
    socket.once('message', () => resolve(true)).once('error', () => resolve(false))
    socket.connect(port, '127.0.0.1', () => socket.send(new Uint8Array(HEADER_BYTES)))
    socket.once('close', () => clearTimeout(timer))
  }).finally(() => socket.close())
}

export function isOnPath(command: string): boolean {
  try {
    execFileSync('which', [command], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Resolves once `isReady` says so. @throws Error if the process ends before, or takes longer than a minute. */
export async function until(child: ChildProcess, name: string, isReady: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < READY_TRIES; tries++) {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}`)
    if (await isReady()) return
    await new Promise(resolve => setTimeout(resolve, READY_PAUSE_MS))
  }
  throw new Error(`${name} did not become ready`)
}
