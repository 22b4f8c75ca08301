/**
 * End-to-end benchmark: the same questions to Sextant and to a peer, in turns within one run, and ratios.
 *
 *   npm run bench -- [--services 1000] [--seconds 5] [--rounds 5] [--json]
 *                    [--peer ADDRESS:PORT --peer-pid PID [--peer-name NAME]]
 *
 * Both get the same cluster: a replayed API server (bench/cluster/api-server.ts), or the one that --kubeconfig FILE names.
 * Without --peer, a `coredns` found on PATH is started under the same Corefile. Needs dnsperf on PATH.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { services } from './cluster/objects.ts'
import { dnsperf, type Load, type Run, type Target } from './dnsperf.ts'
import { kubeMix, type Question } from './mix.ts'
import { usage } from './process.ts'
import { print, type Row } from './table.ts'
import { verify, verifyShares } from './verify.ts'

const { values: options } = parseArgs({
  options: {
    services: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '5' },
    kubeconfig: { type: 'string' },
    peer: { type: 'string' },
    'peer-pid': { type: 'string' },
    'peer-name': { type: 'string', default: 'peer' },
    json: { type: 'boolean', default: false },
  },
})
const root = join(import.meta.dirname, '..')
const folder = mkdtempSync(join(tmpdir(), 'sextant-bench-'))
const children: ChildProcess[] = []
const size = { services: Number(options.services), namespaces: 20 }
const seconds = Number(options.seconds)
const rounds = Number(options.rounds)

/** The stock plugin list on one port; log settings are those of the Corefile for both sides: none. */
function corefile(port: number, http: number, source: string): string {
  const file = join(folder, `Corefile.${port}`)
  writeFileSync(
    file,
    `.:${port} {
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
`,
  )
  return file
}

function start(command: string, args: string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], cwd: root })
  children.push(child)
  return child
}

async function ready(child: ChildProcess, url: string): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
    if ((await fetch(url).catch(() => undefined))?.ok) return
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  throw new Error(`${url} did not become ready`)
}

async function serve(name: string, command: string, port: number, http: number, source: string): Promise<Target> {
  const child = start(command, ['-conf', corefile(port, http, source), '-quiet'])
  child.stdout!.resume()
  await ready(child, `http://127.0.0.1:${http + 1}/ready`)
  return { name, address: '127.0.0.1', port, pid: child.pid! }
}

async function apiServer(): Promise<string> {
  if (options.kubeconfig) return `kubeconfig ${options.kubeconfig}`
  const script = join(root, 'bench/cluster/api-server.ts')
  const child = start(process.execPath, [script, '0', `${size.services}`, `${size.namespaces}`])
  const line = await new Promise<string>(resolve => child.stdout!.once('data', data => resolve(`${data}`)))
  return `endpoint http://127.0.0.1:${/\d+/.exec(line)![0]}`
}

function onPath(command: string): boolean {
  try {
    execFileSync('which', [command], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

async function peer(source: string): Promise<Target | undefined> {
  if (options.peer) {
    const [address, port] = options.peer.split(':')
    return { name: options['peer-name'], address: address!, port: Number(port), pid: Number(options['peer-pid']) }
  }
  return onPath('coredns') ? serve('coredns', 'coredns', 18_054, 18_200, source) : undefined
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

/** The median run by CPU per query, each side in turns. */
async function compare(targets: Target[], load: Load, questions: Question[]): Promise<Run[]> {
  const runs = targets.map(() => [] as Run[])
  for (let round = 0; round < rounds; round++) {
    for (const [i, target] of targets.entries()) {
      const run = await dnsperf(target, load)
      verifyShares(target, questions, run.rcodes)
      runs[i]!.push(run)
    }
  }
  return runs.map(of => {
    const middle = median(of.map(run => run.cpuUsPerQuery))
    return of.find(run => run.cpuUsPerQuery === middle)!
  })
}

interface Latency {
  p50: number
  p99: number
  p999: number
  lost: number
}
function latency(target: Target, file: string, perSecond: number): Latency {
  const args = [join(root, 'bench/latency.ts'), target.address, `${target.port}`, file, `${perSecond}`, `${seconds}`]
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Latency
}

async function measure(): Promise<Row[]> {
  const source = await apiServer()
  const ours = await serve('sextant', join(root, 'bin/sextant'), 18_053, 18_100, source)
  const other = await peer(source)
  const targets = other ? [ours, other] : [ours]
  const questions = kubeMix(services(size), 100_000)
  const file = join(folder, 'questions')
  writeFileSync(file, questions.map(q => `${q.name} ${q.type}`).join('\n'))
  for (const target of targets) {
    const checked = await verify(target, questions, 2_000)
    process.stderr.write(`${target.name}: ${checked} replies hold what they must\n`)
  }
  const rows: Row[] = []
  const add = (work: string, unit: string, figures: number[], better: Row['better']) =>
    rows.push({ work, unit, figures, better })
  const loads: [string, Omit<Load, 'file' | 'seconds'>][] = [
    ['UDP, saturated', {}],
    ['UDP, 20,000/s', { pace: 20_000 }],
    ['UDP, 1,000/s', { pace: 1_000 }],
    ['TCP, 20 connections', { tcp: true, clients: 20 }],
  ]
  for (const [name, load] of loads) {
    const runs = await compare(targets, { file, seconds, ...load }, questions)
    add(
      name,
      'queries/s',
      runs.map(run => run.queriesPerS),
      'higher',
    )
    add(
      name,
      'CPU µs/query',
      runs.map(run => run.cpuUsPerQuery),
      'lower',
    )
    add(
      name,
      'queries/s per core',
      runs.map(run => run.queriesPerCoreS),
      'higher',
    )
    if (runs.some(run => run.lost > 0))
      add(
        name,
        'lost',
        runs.map(run => run.lost),
        'lower',
      )
  }
  for (const pace of [1_000, 20_000]) {
    const found = targets.map(target => latency(target, file, pace))
    const name = `latency at ${pace.toLocaleString('en')}/s`
    add(
      name,
      'p50 ms',
      found.map(l => l.p50),
      'lower',
    )
    add(
      name,
      'p99 ms',
      found.map(l => l.p99),
      'lower',
    )
    add(
      name,
      'p99.9 ms',
      found.map(l => l.p999),
      'lower',
    )
    add(
      name,
      'lost',
      found.map(l => l.lost),
      'lower',
    )
  }
  add(
    `${options.services} services`,
    'RSS MB',
    targets.map(target => usage(target.pid).rssBytes / 1e6),
    'lower',
  )
  print(
    targets.map(target => target.name),
    rows,
    options.json,
  )
  return rows
}

try {
  await measure()
} finally {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
}
