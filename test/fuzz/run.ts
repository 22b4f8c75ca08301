/**
 * Mutated inputs for every parser of the server.
 *
 *   npm run fuzz -- [--messages N] [--parser NAME] [--seed N] [--seconds N] [--keep]
 *
 * Ends with `N passed, N failed`, a parser being one of them. README.md says what is held.
 */
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { readCorpus, writeCorpus } from './corpus.ts'
import { fuzz, type Report } from './engine.ts'
import { counted, forgetPlaces, instrument } from './instrument.ts'
import type { Target } from './target.ts'

/** Inputs of a parser for each message; those of 1 read packets, which anybody may send. */
const SHARES: Readonly<Record<string, number>> = {
  message: 1,
  opt: 0.1,
  name: 0.05,
  reply: 0.1,
  framing: 0.005,
  corefile: 0.01,
  hosts: 0.02,
  manifests: 0.002,
  'api-stream': 0.01,
  watch: 0.005,
  snapshot: 0.001,
  'command-line': 0.02,
}
const LEAST_INPUTS = 300

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '10000000' },
    parser: { type: 'string', default: '' },
    seed: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '3600' },
    keep: { type: 'boolean', default: false },
  },
})
const messages = Number(values.messages)
const seed = Number(values.seed)
const parsers = values.parser === '' ? Object.keys(SHARES) : values.parser.split(',')
const unknown = parsers.filter(name => SHARES[name] === undefined)
if (unknown.length > 0) throw new Error(`found parser "${unknown}", expected ${Object.keys(SHARES).join(', ')}`)

const scripted = (file: string) => pathToFileURL(join(import.meta.dirname, file)).href
instrument({ '/plugins/forward/transport/datagram-native.ts': scripted('scripted-upstream.ts') })
// What the server logs of millions of inputs is thrown away.
const { handLinesTo } = await import('../../server/log.ts')
handLinesTo(() => true)

let passed = 0
let failed = 0
for (const name of parsers) {
  const [file] = globSync(`${import.meta.dirname}/targets/${name}.ts`)
  const { target } = (await import(file!)) as { target: Target }
  forgetPlaces()
  const inputs = Math.max(LEAST_INPUTS, Math.round(messages * SHARES[name]!))
  const report = await fuzz(target, readCorpus(target), {
    inputs,
    seconds: Number(values.seconds),
    seed,
    minimize: values.keep,
  })
  if (report.failures.length === 0) passed++
  else failed++
  say(target, report)
  if (values.keep && report.kept.length > 0)
    writeCorpus(
      target,
      'kept.txt',
      [`Each reached a place that none before it had: seed ${seed}.`],
      [...readCorpus(target).filter(({ label }) => label.startsWith('kept-')), ...report.kept],
    )
}
process.stdout.write(`${passed} passed, ${failed} failed\n`)
process.exit(failed > 0 || passed === 0 ? 1 : 0)

function mib(bytes: number): string {
  return `${bytes < 0 ? '' : '+'}${(bytes / 2 ** 20).toFixed(1)} MiB`
}

function say(target: Target, report: Report): void {
  const { inputs, seconds, failures, kept, mostSteps, mostOfBound, heldBytes, rssBytes } = report
  const { base, perOctet } = target.bound
  const words = [
    `${inputs} inputs in ${seconds.toFixed(1)} s`,
    `${kept.length} kept`,
    `${counted.places} places reached`,
    `at most ${mostSteps} steps, ${(mostOfBound * 100).toFixed(0)} % of ${base} + ${perOctet} an octet`,
    `memory ${mib(heldBytes)}, resident ${mib(rssBytes)}`,
  ]
  process.stdout.write(`${failures.length === 0 ? 'ok  ' : 'FAIL'} ${target.name}: ${words.join(', ')}\n`)
  for (const [i, failure] of failures.entries()) {
    const about = [failure.what, 'Found by the mutator with the seed of its label, and put to the parser in every run.']
    const file = writeCorpus(target, `failed-${seed}-${i}.txt`, about, [failure])
    process.stdout.write(`     ${failure.what}\n     ${failure.octets.length} octets in ${file}\n`)
  }
}
