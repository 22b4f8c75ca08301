/**
 * End-to-end benchmark: the same questions to Sextant and to a peer, in turns within one run, and ratios.
 *
 *   npm run bench -- [--services 1000] [--seconds 5] [--rounds 5] [--json]
 *                    [--peer ADDRESS:PORT --peer-pid PID [--peer-name NAME]]
 *
 * Both get the same cluster: a replayed API server (bench/cluster/api-server.ts), or the one that --kubeconfig FILE names.
 * Without --peer, a `coredns` found on PATH is started under the same Corefile. Needs dnsperf on PATH.
 */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { clusterCorefile } from './cluster/corefile.ts'
import { services } from './cluster/objects.ts'
import { dnsperf, type Load, type Target } from './dnsperf.ts'
import { kubeMix } from './mix.ts'
import { usage } from './process.ts'
import { Sides } from './sides.ts'
import { print, type Row } from './table.ts'
import { type Column, inTurns, RUN_COLUMNS, rowsOf } from './turns.ts'
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
const size = { services: Number(options.services), namespaces: 20 }
const seconds = Number(options.seconds)
const rounds = Number(options.rounds)
const QUESTIONS = 100_000
const SAMPLE = 2_000

const LOADS: readonly { work: string; load: Partial<Load> }[] = [
  { work: 'UDP, saturated', load: {} },
  { work: 'UDP, 20,000/s', load: { pace: 20_000 } },
  { work: 'UDP, 1,000/s', load: { pace: 1_000 } },
  { work: 'TCP, 20 connections', load: { tcp: true, clients: 20 } },
]
const PACES = [1_000, 20_000]

interface Latency {
  p50: number
  p99: number
  p999: number
  lost: number
}
const LATENCY_COLUMNS: readonly Column<Latency>[] = [
  { unit: 'p50 ms', better: 'lower', of: found => found.p50 },
  { unit: 'p99 ms', better: 'lower', of: found => found.p99 },
  { unit: 'p99.9 ms', better: 'lower', of: found => found.p999 },
  { unit: 'lost', better: 'lower', of: found => found.lost },
]

function latency(target: Target, file: string, perSecond: number): Latency {
  const script = join(import.meta.dirname, 'latency.ts')
  const args = [script, target.address, `${target.port}`, file, `${perSecond}`, `${seconds}`]
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Latency
}

function peerOfOptions(): Target | undefined {
  if (options.peer === undefined) return undefined
  const at = options.peer.lastIndexOf(':')
  const pid = Number(options['peer-pid'])
  if (at < 0 || !Number.isInteger(pid)) throw new Error('--peer ADDRESS:PORT comes with --peer-pid PID')
  const port = Number(options.peer.slice(at + 1))
  return { name: options['peer-name'], address: options.peer.slice(0, at), port, pid }
}

async function measure(sides: Sides): Promise<void> {
  const source = options.kubeconfig ? `kubeconfig ${options.kubeconfig}` : (await sides.replay(size)).source
  const corefile = clusterCorefile(source)
  const ours = await sides.sextant(corefile)
  const peer = peerOfOptions() ?? (await sides.coredns(corefile))
  const targets = peer ? [ours, peer] : [ours]
  const questions = kubeMix(services(size), QUESTIONS)
  const file = join(sides.folder, 'questions')
  writeFileSync(file, questions.map(q => `${q.name} ${q.type}`).join('\n'))
  for (const target of targets) {
    process.stderr.write(`${target.name}: ${await verify(target, questions, SAMPLE)} replies hold what they must\n`)
  }
  const rows: Row[] = []
  for (const { work, load } of LOADS) {
    const runs = await inTurns(targets, rounds, async target => {
      const run = await dnsperf(target, { file, seconds, ...load })
      verifyShares(target, questions, run.rcodes)
      return run
    })
    rows.push(...rowsOf(work, RUN_COLUMNS, runs))
  }
  for (const pace of PACES) {
    const found = targets.map(target => latency(target, file, pace))
    rows.push(...rowsOf(`latency at ${pace.toLocaleString('en')}/s`, LATENCY_COLUMNS, found))
  }
  const rss: Column<Target> = { unit: 'RSS MB', better: 'lower', of: target => usage(target.pid).rssBytes / 1e6 }
  rows.push(...rowsOf(`${options.services} services`, [rss], targets))
  const names = targets.map(target => target.name)
  print(names, rows, options.json)
}

const sides = new Sides()
try {
  await measure(sides)
} finally {
  sides.end()
}
