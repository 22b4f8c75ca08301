/** A backend behind the cache that counts and answers as told, and a clock that stands until it is moved. */
import { plugin } from '../../../plugins/cache/cache.ts'
import { cells, families } from '../../../server/metrics.ts'
import { QUESTION, type Query, type Stage } from '../../../server/plugin.ts'
import * as reply from '../../../server/reply.ts'
import { EDE, TYPE } from '../../../server/wire/codes.ts'
import { nameFromText } from '../../../server/wire/name.ts'
import { type Chain, chainOf } from '../../harness/stage.ts'

let nowMs = 1_000_000

/** Takes the place of the process's monotonic clock for the whole test file. */
export function stopTheClock(): void {
  performance.now = () => nowMs
}

export function pass(seconds: number): void {
  nowMs += seconds * 1000
}

export const ADDRESS = Uint8Array.of(192, 0, 2, 1)
const SOA = Uint8Array.from([
  ...nameFromText('ns.example.org'),
  ...nameFromText('admin.example.org'),
  ...[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 20], // MINIMUM 20
])

/** A backend that counts what it is asked, and answers as `respond` says. */
export class Backend implements Stage {
  asked = 0
  last: Query | undefined
  declare live?: (q: Query) => boolean
  respond: (q: Query) => ReturnType<NonNullable<Stage['handle']>>

  constructor(respond: Backend['respond']) {
    this.respond = respond
  }

  handle(q: Query) {
    this.asked++
    this.last = q
    return this.respond(q)
  }
}

export function address(ttl: number, ...more: number[]) {
  return (q: Query) => {
    const a = q.answer.reset()
    a.authoritative = true
    for (const each of [ttl, ...more]) a.answer.add(QUESTION, 0, TYPE.A, each, ADDRESS)
    return a
  }
}
export function denial(rcode: number, ttl: number) {
  return (q: Query) => {
    const a = q.answer.reset()
    a.rcode = rcode
    a.authority.add(nameFromText('example.org'), 0, TYPE.SOA, ttl, SOA)
    return a
  }
}
export const servfail = (q: Query) => reply.servfail(q, EDE.OTHER, new Error('no upstream'))

export function cached(body: string, respond: Backend['respond'], zone = '.'): Chain & { backend: Backend } {
  const backend = new Backend(respond)
  return { backend, ...chainOf([plugin], body, [backend], zone) }
}

/** The value of a counter, 0 before it exists. */
export function count(name: string, ...values: string[]): number {
  const child = families.get(name)?.children.get(values.join('\0'))
  return child === undefined ? 0 : cells[child.cell]!
}
