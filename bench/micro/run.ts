/**
 * What single steps cost in this process, in nanoseconds: medians of rounds in turns.
 *
 *   npm run bench:micro -- [--only wire,edns,kubernetes,cache,ladder] [--case WORD] [--rounds 15] [--json]
 *
 * Memory and its upkeep have scripts of their own beside this one: `node --expose-gc bench/micro/index-memory.ts`,
 * cache-memory.ts, snapshot.ts.
 */
import { parseArgs } from 'node:util'
import { shown } from '../table.ts'
import { cacheCases } from './cache.ts'
import { ednsCases } from './edns.ts'
import { type Case, ROUNDS, type Timed, time } from './harness.ts'
import { kubernetesCases } from './kubernetes.ts'
import { ladderCases } from './ladder.ts'
import { wireCases } from './wire.ts'

const GROUPS: Readonly<Record<string, () => Case[]>> = {
  wire: wireCases,
  edns: ednsCases,
  kubernetes: kubernetesCases,
  cache: cacheCases,
  ladder: ladderCases,
}

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: Object.keys(GROUPS).join(',') },
    case: { type: 'string', default: '' },
    rounds: { type: 'string', default: `${ROUNDS.rounds}` },
    json: { type: 'boolean', default: false },
  },
})
const found: (Timed & { group: string })[] = []
for (const group of options.only.split(',')) {
  const cases = GROUPS[group]
  if (cases === undefined) throw new Error(`no group "${group}", expected ${Object.keys(GROUPS).join(', ')}`)
  const chosen = cases().filter(({ name }) => name.includes(options.case))
  const timed = time(chosen, { ...ROUNDS, rounds: Number(options.rounds) })
  found.push(...timed.map(each => ({ group, ...each })))
  if (options.json) continue
  const width = Math.max(...timed.map(({ name }) => name.length))
  process.stdout.write(`${group}\n`)
  for (const { name, ns, heapBytes } of timed) {
    process.stdout.write(`  ${name.padEnd(width)} ${shown(ns).padStart(7)} ns, heap ${heapBytes.toFixed(1)} octets\n`)
  }
}
if (options.json) process.stdout.write(`${JSON.stringify(found, null, 2)}\n`)
