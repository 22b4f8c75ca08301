/**
 * What forwarding and its cache cost, against CoreDNS under the same Corefile and Unbound with one thread, side by side in
 * one run. Figures of CPU are those of the server alone, per query that it answered.
 *
 *   npm run bench:forward -- [--only ROW] [--rounds 5] [--seconds 20] [--json]
 *
 * `--seconds` is the length of the rows `flood` and `silent`; a run of dnsperf in the others takes 5 s at most. Needs
 * dnsperf and knotd on PATH (Debian: dnsperf, knot). A coredns or unbound that is not there is left out.
 */
import { parseArgs } from 'node:util'
import { measureDot } from './forward/dot.ts'
import { measureFlood } from './forward/flood.ts'
import { measureHits } from './forward/hits.ts'
import { measureLatency } from './forward/latency.ts'
import { measureMemory } from './forward/memory.ts'
import { measurePlain } from './forward/plain.ts'
import { measureSilent } from './forward/silent.ts'
import { isOnPath, Sides } from './sides.ts'
import { print, type Row } from './table.ts'

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '20' },
    json: { type: 'boolean', default: false },
  },
})

/** The order of the figures in every row. */
const SIDES = ['sextant', 'coredns', 'unbound'] as const
const RUN_SECONDS = 5

const rounds = Number(options.rounds)
const seconds = Number(options.seconds)
const runSeconds = Math.min(seconds, RUN_SECONDS)
const works: readonly { name: string; measure: (sides: Sides) => Promise<Row[]> }[] = [
  { name: 'hits', measure: sides => measureHits(sides, rounds, runSeconds) },
  { name: 'plain', measure: sides => measurePlain(sides, rounds, runSeconds) },
  { name: 'latency', measure: measureLatency },
  { name: 'dot', measure: sides => measureDot(sides, rounds, runSeconds) },
  { name: 'memory', measure: measureMemory },
  { name: 'flood', measure: sides => measureFlood(sides, seconds) },
  { name: 'silent', measure: sides => measureSilent(sides, seconds) },
]

for (const peer of SIDES.slice(1)) {
  if (!isOnPath(peer)) process.stderr.write(`${peer} is not on PATH: left out\n`)
}
const rows: Row[] = []
for (const { name, measure } of works.filter(work => work.name.includes(options.only))) {
  process.stderr.write(`${name}\n`)
  const sides = new Sides()
  try {
    rows.push(...(await measure(sides)))
  } catch (cause) {
    process.stderr.write(`${name}: ${cause instanceof Error ? cause.stack : cause}\n`)
    process.exitCode = 1 // what the other rows found is told nevertheless
  } finally {
    sides.end()
  }
}
print(SIDES, rows, options.json)
