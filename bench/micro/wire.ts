/** Reading: the header, the question by kind, and the block that it leads to. */
import { Routes } from '../../server/route.ts'
import { takeQuery } from '../../server/serve.ts'
import { accept } from '../../server/wire/accept.ts'
import { nameFromText } from '../../server/wire/name.ts'
import { type Query, readQuery } from '../../server/wire/query.ts'
import { query } from '../../test/harness/message.ts'
import { type Asked, BY_KIND, MIX } from './cluster.ts'
import type { Case } from './harness.ts'

const EDNS_BYTES = 1232
const ZONES = 100

/** Messages one behind the other in one memory, as an arena has them. */
export interface Laid {
  readonly bytes: Uint8Array
  readonly ats: Int32Array
  readonly lengths: Int32Array
}

export function lay(messages: readonly Uint8Array[]): Laid {
  const ats = new Int32Array(messages.length)
  const lengths = Int32Array.from(messages, ({ length }) => length)
  for (let i = 1; i < messages.length; i++) ats[i] = ats[i - 1]! + lengths[i - 1]!
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0))
  for (const [i, message] of messages.entries()) bytes.set(message, ats[i])
  return { bytes, ats, lengths }
}

const q = takeQuery()

/** A case that reads question after question and does `then` with each. */
export function reading(name: string, messages: readonly Uint8Array[], then?: () => void, base?: Case): Case {
  const { bytes, ats, lengths } = lay(messages)
  const run = (times: number) => {
    q.bytes = bytes
    for (let i = 0, at = 0; i < times; i++, at = at + 1 === ats.length ? 0 : at + 1) {
      q.start = ats[at]!
      q.length = lengths[at]!
      readQuery(q)
      then?.()
    }
  }
  return { name, run, ...(base && { base }) }
}

/** What `reading` reads into. */
export const readInto = q

function accepting(): Case {
  const { bytes, ats, lengths } = lay(MIX.messages)
  let sum = 0
  const run = (times: number) => {
    for (let i = 0, at = 0; i < times; i++, at = at + 1 === ats.length ? 0 : at + 1) {
      sum += accept(bytes, ats[at]!, lengths[at]!)
    }
    if (sum === 0) throw new Error('all messages were dropped')
  }
  return { name: 'accept', run }
}

const block = (zone: string) => ({
  zone: nameFromText(zone),
  chain: ({ answer }: Query) => answer,
  plugins: [],
  observers: [],
  recursionAvailable: false,
  udpBytes: EDNS_BYTES,
})

function routing(): Case[] {
  const base = reading('the same, read', MIX.messages)
  const zones = Array.from({ length: ZONES }, (_, i) => `zone-${i}.example`)
  const root = new Routes([block('.')], false, undefined, '')
  const many = new Routes([...zones, 'cluster.local'].map(block), false, undefined, '')
  return [
    reading('route, one block for the root', MIX.messages, () => root.route(q), base),
    reading(`route, ${ZONES} zones`, MIX.messages, () => many.route(q), base),
  ]
}

const withOpt = ({ questions }: Asked) => questions.map(({ name, type }) => query(name, { type, edns: EDNS_BYTES }))

export function wireCases(): Case[] {
  return [
    accepting(),
    reading('readQuery, the kube mix', MIX.messages),
    reading('readQuery, the kube mix with OPT', withOpt(MIX)),
    ...BY_KIND.map(({ name, messages }) => reading(`readQuery, ${name}`, messages)),
    ...routing(),
  ]
}
