/**
 * What a cluster's size and its changes cost: memory, start, relist, latency of answers and of changes.
 *
 *   npm run bench:scale -- [--only WORD] [--seconds 60] [--peer] [--json]
 *
 * The cluster is replayed (bench/cluster/api-server.ts). `--peer`: also a `coredns` found on PATH, one after the other.
 * Needs dnsperf on PATH.
 */
import { parseArgs } from 'node:util'
import { measureChurn } from './cluster/churn.ts'
import { measureHeadless } from './cluster/headless.ts'
import { measureSize, SIZES } from './cluster/size.ts'
import { Sides } from './sides.ts'
import { print, type Row } from './table.ts'

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    seconds: { type: 'string', default: '60' },
    peer: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})
const seconds = Number(options.seconds)
const HEADLESS_SECONDS = 10

const works: readonly { name: string; measure: (sides: Sides) => Promise<Row[]> }[] = [
  ...SIZES.map(of => ({ name: of.work, measure: (sides: Sides) => measureSize(sides, of, options.peer) })),
  { name: 'headless', measure: sides => measureHeadless(sides, Math.min(seconds, HEADLESS_SECONDS), options.peer) },
  { name: 'churn', measure: sides => measureChurn(sides, seconds, options.peer) },
]

const rows: Row[] = []
for (const { name, measure } of works.filter(work => work.name.includes(options.only))) {
  process.stderr.write(`${name}\n`)
  const sides = new Sides()
  try {
    rows.push(...(await measure(sides)))
  } finally {
    sides.end()
  }
}
print(options.peer ? ['sextant', 'coredns'] : ['sextant'], rows, options.json)
