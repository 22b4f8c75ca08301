/** The two sides of a comparison: servers started under one Corefile and fed by one API server, or a peer that runs. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClusterSize } from './cluster/objects.ts'
import type { Target } from './dnsperf.ts'

const ROOT = join(import.meta.dirname, '..')
const READY_TRIES = 6_000
const READY_PAUSE_MS = 10

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
}

export type PodMode = 'insecure' | 'verified'

/** A folder for what the run writes, and the processes that it started: both are gone after `end`. */
export class Sides {
  readonly folder = mkdtempSync(join(tmpdir(), 'sextant-bench-'))
  readonly #children: ChildProcess[] = []

  /** Starts the replayed API server. */
  async replay(size: ClusterSize, port = 0): Promise<Replay> {
    const script = join(ROOT, 'bench/cluster/api-server.ts')
    const child = this.#start(process.execPath, [script, `${port}`, JSON.stringify(size)])
    const line = await new Promise<string>(resolve => child.stdout!.once('data', data => resolve(`${data}`)))
    const at = Number(/\d+/.exec(line)![0])
    return { child, port: at, url: `http://127.0.0.1:${at}`, source: `endpoint http://127.0.0.1:${at}` }
  }

  ours(source: string, pods: PodMode = 'insecure'): Promise<Started> {
    return this.#serve('sextant', join(ROOT, 'bin/sextant'), 18_053, 18_100, corefile(18_053, 18_100, source, pods))
  }

  /** A `coredns` on PATH, undefined where there is none. */
  async coredns(source: string, pods: PodMode = 'insecure'): Promise<Started | undefined> {
    try {
      execFileSync('which', ['coredns'], { stdio: 'ignore' })
    } catch {
      return undefined
    }
    return this.#serve('coredns', 'coredns', 18_054, 18_200, corefile(18_054, 18_200, source, pods))
  }

  /** Ends a server of ours. */
  stop({ pid }: Target): void {
    this.#children.find(child => child.pid === pid)?.kill('SIGKILL')
  }

  end(): void {
    for (const child of this.#children) child.kill('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }

  #start(command: string, args: string[]): ChildProcess {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], cwd: ROOT })
    this.#children.push(child)
    return child
  }

  async #serve(name: string, command: string, port: number, http: number, text: string): Promise<Started> {
    const file = join(this.folder, `Corefile.${port}`)
    writeFileSync(file, text)
    const startedAtMs = performance.now()
    const child = this.#start(command, ['-conf', file, '-quiet'])
    child.stdout!.resume()
    const url = `http://127.0.0.1:${http + 1}/ready`
    for (let tries = 0; tries < READY_TRIES; tries++) {
      if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}`)
      const answer = await fetch(url).catch(() => undefined)
      if (answer?.ok) {
        return { name, address: '127.0.0.1', port, pid: child.pid!, readyAfterMs: performance.now() - startedAtMs }
      }
      await new Promise(resolve => setTimeout(resolve, READY_PAUSE_MS))
    }
    throw new Error(`${name}: ${url} did not become ready`)
  }
}

/** The stock plugin list on one port; log settings are those of the Corefile for both sides: none. */
function corefile(port: number, http: number, source: string, pods: PodMode): string {
  return `.:${port} {
    bind 127.0.0.1
    errors
    health 127.0.0.1:${http} {
        lameduck 5s
    }
    ready 127.0.0.1:${http + 1}
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        ${source}
        pods ${pods}
        startup_timeout 60s
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    prometheus 127.0.0.1:${http + 2}
    forward . 127.0.0.1:9 {
        max_concurrent 1000
    }
    cache 30
    loop
    reload
    loadbalance
}
`
}
