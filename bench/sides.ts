/** The two sides of a comparison: servers started under one Corefile and fed by one API server, or a peer that runs. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClusterSize } from './cluster/objects.ts'
import type { Target } from './dnsperf.ts'

const ROOT = join(import.meta.dirname, '..')
const READY_TRIES = 300
const READY_PAUSE_MS = 50

/** A folder for what the run writes, and the processes that it started: both are gone after `end`. */
export class Sides {
  readonly folder = mkdtempSync(join(tmpdir(), 'sextant-bench-'))
  readonly #children: ChildProcess[] = []

  /** Starts the replayed API server. Gives the line of the Corefile that names it. */
  async replay(size: ClusterSize): Promise<string> {
    const script = join(ROOT, 'bench/cluster/api-server.ts')
    const child = this.#start(process.execPath, [script, '0', `${size.services}`, `${size.namespaces}`])
    const line = await new Promise<string>(resolve => child.stdout!.once('data', data => resolve(`${data}`)))
    return `endpoint http://127.0.0.1:${/\d+/.exec(line)![0]}`
  }

  ours(source: string): Promise<Target> {
    return this.#serve('sextant', join(ROOT, 'bin/sextant'), 18_053, 18_100, source)
  }

  /** A `coredns` on PATH, undefined where there is none. */
  async coredns(source: string): Promise<Target | undefined> {
    try {
      execFileSync('which', ['coredns'], { stdio: 'ignore' })
    } catch {
      return undefined
    }
    return this.#serve('coredns', 'coredns', 18_054, 18_200, source)
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

  async #serve(name: string, command: string, port: number, http: number, source: string): Promise<Target> {
    const file = join(this.folder, `Corefile.${port}`)
    writeFileSync(file, corefile(port, http, source))
    const child = this.#start(command, ['-conf', file, '-quiet'])
    child.stdout!.resume()
    const url = `http://127.0.0.1:${http + 1}/ready`
    for (let tries = 0; tries < READY_TRIES; tries++) {
      if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}`)
      const answer = await fetch(url).catch(() => undefined)
      if (answer?.ok) return { name, address: '127.0.0.1', port, pid: child.pid! }
      await new Promise(resolve => setTimeout(resolve, READY_PAUSE_MS))
    }
    throw new Error(`${name}: ${url} did not become ready`)
  }
}

/** The stock plugin list on one port; log settings are those of the Corefile for both sides: none. */
function corefile(port: number, http: number, source: string): string {
  return `.:${port} {
    bind 127.0.0.1
    errors
    health 127.0.0.1:${http} {
        lameduck 5s
    }
    ready 127.0.0.1:${http + 1}
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        ${source}
        pods insecure
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
