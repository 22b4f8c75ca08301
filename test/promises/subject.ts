/** The server whose promises are tested: the built one, as a process, on loopback ports of the suite's own namespace. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Target } from '../../bench/dnsperf.ts'
import { peakBytes, resetPeak, usage } from '../../bench/process.ts'
import { Child, type Exit } from '../harness/process.ts'
import { Metrics } from '../harness/scrape.ts'
import { eventually } from '../harness/time.ts'

const ROOT = join(import.meta.dirname, '../..')
const READY_MS = 30_000
/** The last thing that is printed at start. */
const SERVES = /^Sextant-/

/** `--long`: the sizes of the promises themselves. */
export const isLong = process.argv.includes('--long')

/** Where it listens. Each subject has ports of its own, so that several can live at a time. */
export interface Ports {
  readonly dns: number
  readonly health: number
  readonly ready: number
  readonly metrics: number
}

export interface SubjectOptions {
  readonly environment?: Readonly<Record<string, string>>
  /** A command that runs the server, such as `prlimit --nofile=64`. It must become the server, not start it. */
  readonly wrapper?: readonly string[]
  readonly args?: readonly string[]
  /** What /ready says once it counts as started: 200 by default. */
  readonly status?: number
  /** Those of another subject, which shares them; it counts as started once it says that it serves. */
  readonly ports?: Ports
}

const live = new Set<Subject>()
/** Above the last one that `fetch` refuses to ask, 10080. */
let lastPort = 10_100

/** The last lines of every server that a failed test left, and an end to them. */
export async function abandonSubjects(): Promise<string> {
  const left = [...live]
  const tails = left.map(subject => subject.child.tail())
  for (const subject of left) await subject.stop('SIGKILL')
  return tails.join('\n')
}

export class Subject implements Target {
  readonly name = 'sextant'
  readonly address = '127.0.0.1'
  readonly port: number
  readonly pid: number
  readonly ports: Ports
  /** A folder of its own, with the Corefile. */
  readonly folder: string
  readonly child: Child

  private constructor(ports: Ports, folder: string, child: Child) {
    this.ports = ports
    this.port = ports.dns
    this.pid = child.pid
    this.folder = folder
    this.child = child
  }

  /** Started, ready, and answering. `corefile` is to hold `ready` and `prometheus` at the ports it is given. */
  static async start(corefile: (ports: Ports) => string, options: SubjectOptions = {}): Promise<Subject> {
    const ports = options.ports ?? { dns: ++lastPort, health: ++lastPort, ready: ++lastPort, metrics: ++lastPort }
    const folder = mkdtempSync(join(tmpdir(), 'sextant-promises-'))
    const file = join(folder, 'Corefile')
    writeFileSync(file, corefile(ports))
    const command = [...(options.wrapper ?? []), join(ROOT, 'bin/sextant'), '-conf', file, ...(options.args ?? [])]
    const environment = { ...process.env, ...options.environment }
    const child = new Child(`sextant:${ports.dns}`, command[0]!, command.slice(1), environment)
    const subject = new Subject(ports, folder, child)
    live.add(subject)
    if (options.ports !== undefined) {
      await child.line(SERVES, READY_MS)
      return subject
    }
    await eventually(READY_MS, 'the server being ready', async () => {
      if (child.exit) throw new Error(`it ended: ${JSON.stringify(child.exit)}\n${child.tail()}`)
      const status = await subject.status('ready')
      if (status !== (options.status ?? 200)) throw new Error(`/ready says ${status}`)
    })
    return subject
  }

  get rssBytes(): number {
    return usage(this.pid).rssBytes
  }
  get peakBytes(): number {
    return peakBytes(this.pid)
  }
  resetPeak(): void {
    resetPeak(this.pid)
  }

  /** What /health or /ready says: the status, 0 where nobody listens. */
  async status(of: 'health' | 'ready'): Promise<number> {
    const url = `http://127.0.0.1:${this.ports[of]}/${of}`
    return fetch(url, { signal: AbortSignal.timeout(5000) }).then(
      response => response.status,
      () => 0,
    )
  }

  async metrics(): Promise<Metrics> {
    const response = await fetch(`http://127.0.0.1:${this.ports.metrics}/metrics`).catch(({ cause }) => {
      throw new Error(`no metrics: ${cause}; its end: ${JSON.stringify(this.child.exit)}`)
    })
    return new Metrics(await response.text())
  }

  writeCorefile(text: string): void {
    writeFileSync(join(this.folder, 'Corefile'), text)
  }

  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<Exit> {
    const exit = await this.child.stop(signal)
    rmSync(this.folder, { recursive: true, force: true })
    live.delete(this)
    return exit
  }
}
