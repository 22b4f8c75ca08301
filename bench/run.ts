/**
 * The benchmark suite: the same questions to Sextant and to its peers, in turns within one run, and ratios.
 *
 *   npm run bench -- [--only NAME,NAME] [--rounds 5] [--seconds 3] [--long-seconds 30] [--alone] [--json]
 *                    [--kubeconfig FILE] [--peer ADDRESS:PORT --peer-pid PID [--peer-name NAME]]
 *                    [--against bench/results/FILE.json [--threshold 15]]
 *
 * The works are in works.ts: those of the goals, of forwarding (`npm run bench:forward`) and of large clusters
 * (`bench:scale`); `--only` takes any. The cluster is a replayed API server (cluster/api-server.ts) or that of --kubeconfig.
 * Peers are a coredns, unbound and knotd on PATH, or for the cluster's names what --peer says; one that is not there is left
 * out. Needs dnsperf on PATH, and knotd as the upstream of what is forwarded. docs/performance.md says what the rows mean.
 */
import { worse, worseText } from './compare.ts'
import { readOptions } from './options.ts'
import { readResults, resultsOf } from './results.ts'
import { isOnPath, Sides } from './sides.ts'
import { type Row, SIDES, tableText } from './table.ts'
import { worksOf } from './works.ts'

const COMMANDS = ['coredns', 'unbound', 'knotd']

const { suite, only, isAlone, isJson, against, threshold, settings } = readOptions(process.argv.slice(2))
if (!isOnPath('dnsperf')) throw new Error('dnsperf is not on PATH: install dnsperf (Debian)')
for (const command of isAlone ? [] : COMMANDS) {
  if (!isOnPath(command)) process.stderr.write(`${command} is not on PATH: left out\n`)
}
let running: Sides | undefined
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    running?.end()
    process.exit(1)
  })
}
const rows: Row[] = []
for (const { name, measure } of worksOf(suite, only)) {
  process.stderr.write(`${name}\n`)
  const sides = new Sides(isAlone)
  running = sides
  try {
    rows.push(...(await measure(sides, settings)))
  } catch (cause) {
    process.stderr.write(`${name}: ${cause instanceof Error ? cause.stack : cause}\n`)
    process.exitCode = 1 // what the other works found is told nevertheless
  } finally {
    sides.end()
  }
}
const names = SIDES.map(side => (side === 'coredns' ? (settings.peer?.name ?? side) : side))
const results = resultsOf(names, rows, settings)
if (isJson) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`)
else {
  const { rounds, seconds } = settings
  process.stdout.write(
    `medians of ${rounds} runs of ${seconds} s a side, in turns, but for starts and long runs; × peer: times better than it\n`,
  )
  process.stdout.write(tableText(names, rows))
}
if (against !== undefined) {
  const found = worse(readResults(against), results, threshold)
  process.stderr.write(worseText(found, threshold))
  if (found.length > 0) process.exitCode = 1
}
