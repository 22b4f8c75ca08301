/** What a forwarder is asked in these comparisons, and the zones that the upstream answers it from. */
import { closeSync, openSync, writeSync } from 'node:fs'
import type { Question } from '../mix.ts'
import type { Zones } from '../peers/knot.ts'

const TTL = 3600 // longer than a run: nothing expires within one
const NAMES = 1_000
const CHUNK_LINES = 10_000

export const NAMES_ZONE = 'names.example'
/** `*.one` has one address, `*.four` four, `*.alias` is a CNAME of a name with one; nothing else exists. */
export const WILD_ZONE = 'wild.example'
export const HOT_ZONE = 'hot.example'

const SOA = `@ ${TTL} SOA ns admin 1 3600 600 86400 ${TTL}\n@ ${TTL} NS ns\nns ${TTL} A 192.0.2.53\n`
const address = (i: number, j: number) => `10.${j}.${i >> 8}.${i & 255}`

interface Named {
  readonly records: readonly string[]
  readonly question: Question
}

/** Of ten names five have one address, two have four, one is a chain of two CNAMEs, one has an AAAA, one is not there. */
function named(i: number): Named {
  const label = `name-${i}`
  const name = `${label}.${NAMES_ZONE}`
  const found = (type: string, holds: string, answers: number): Question => ({
    name,
    type,
    rcode: 'NOERROR',
    holds,
    answers,
  })
  switch (i % 10) {
    case 5:
    case 6: {
      const four = [0, 1, 2, 3].map(j => address(i, j))
      return { records: four.map(each => `${label} A ${each}`), question: found('A', four[0]!, 4) }
    }
    case 7: {
      const records = [`${label} CNAME via-${i}`, `via-${i} CNAME end-${i}`, `end-${i} A ${address(i, 0)}`]
      return { records, question: found('A', address(i, 0), 3) }
    }
    case 8:
      return { records: [`${label} AAAA 2001:db8::${i + 1}`], question: found('AAAA', `2001:db8::${i + 1}`, 1) }
    case 9:
      return { records: [], question: { name, type: 'A', rcode: 'NXDOMAIN', answers: 0 } }
    default:
      return { records: [`${label} A ${address(i, 0)}`], question: found('A', address(i, 0), 1) }
  }
}

export interface Mix {
  readonly zones: Zones
  readonly questions: readonly Question[]
}

/** 1,000 names in a zone, with what must come back for each. */
export function namesMix(): Mix {
  const all = Array.from({ length: NAMES }, (_, i) => named(i))
  const text = `$TTL ${TTL}\n${SOA}${all.flatMap(({ records }) => records).join('\n')}\n`
  return { zones: { [NAMES_ZONE]: text }, questions: all.map(({ question }) => question) }
}

/** 1,000 names with one address each. */
export function hotMix(): Mix {
  const questions = Array.from(
    { length: NAMES },
    (_, i): Question => ({
      name: `name-${i}.${HOT_ZONE}`,
      type: 'A',
      rcode: 'NOERROR',
      holds: address(i, 9),
      answers: 1,
    }),
  )
  const records = questions.map((question, i) => `name-${i} A ${question.holds}`)
  return { zones: { [HOT_ZONE]: `$TTL ${TTL}\n${SOA}${records.join('\n')}\n` }, questions }
}

export const wildZones: Zones = {
  [WILD_ZONE]: `$TTL ${TTL}\n${SOA}end A 192.0.2.1
*.one A 192.0.2.1
${[1, 2, 3, 4].map(j => `*.four A 192.0.2.${j}`).join('\n')}
*.alias CNAME end
`,
}

/** Part of names that no earlier run asked for. */
export function freshLabel(): string {
  return Math.floor(Math.random() * 0x1_0000_0000).toString(36)
}

/** Writes `count` questions for names that no other file has, below the given labels of the wild zone in turns. */
export function writeDistinct(file: string, count: number, below: readonly string[]): void {
  const run = freshLabel()
  const out = openSync(file, 'w')
  for (let i = 0; i < count; i += CHUNK_LINES) {
    let text = ''
    for (let j = i; j < Math.min(count, i + CHUNK_LINES); j++) {
      text += `n${j.toString(36)}-${run}.${below[j % below.length]}.${WILD_ZONE} A\n`
    }
    writeSync(out, text)
  }
  closeSync(out)
}
