/**
 * Rows of a standard as tests: each is put to a whole server over UDP and over TCP, a test each. The reply is compared whole, as
 * an independent reader shows it, and held to what is true of all replies.
 */
import { equal } from 'node:assert/strict'
import type { Test } from 'uvu'
import { text } from '../harness/message.ts'
import { overTcp, overUdp } from './exchange.ts'
import { type Message, octetsOf } from './message.ts'
import { holds, shown, type Transport } from './reading.ts'
import { makeWorld, type Setting, type World } from './world.ts'

export interface Row {
  /** Of docs/standards.md; none where the row is beyond that list. */
  id?: string
  /** M: it must be so. S: it should. C: what we chose. */
  level: 'M' | 'S' | 'C'
  /** Where the document says it: `RFC 6891 §6.1.1`. */
  source: string
  what: string
  ask: Message
  /** Over one transport alone. */
  over?: Transport
  /** The reply as `shown` writes it; DROPPED: none, and a TCP connection is closed. */
  is: string | { udp: string; tcp: string }
  /** Looks at what text does not tell. */
  also?(octets: Uint8Array, over: Transport): void
  /** Its answer takes a while: what is asked after it is answered before. */
  waits?: boolean
}

export const DROPPED = 'dropped'

/** Makes a world for the file's tests, and a test of each row and transport. */
export function probe(test: Test, rows: readonly Row[], setting?: Setting): { readonly world: World } {
  let world: World | undefined
  test.before(async () => {
    world = await makeWorld(setting)
  })
  test.after(() => world?.stop())
  for (const row of rows) {
    for (const over of ['udp', 'tcp'] as const) {
      if (row.over !== undefined && row.over !== over) continue
      const { id, level, source, what } = row
      test(`${id === undefined ? '' : `${id} `}${level} ${source}: ${what}, over ${over.toUpperCase()}`, () =>
        put(row, over, world!.server.port))
    }
  }
  return {
    get world() {
      return world!
    },
  }
}

/** What the server replies, as text; held to what is true of all replies. */
export async function asked({ server }: World, ask: Message, over: Transport = 'udp'): Promise<string> {
  const message = octetsOf(ask)
  const octets = over === 'udp' ? await overUdp(message, server.port, false) : await overTcp(message, server.port)
  if (octets === undefined) return DROPPED
  holds(message, octets, over)
  return shown(octets)
}

async function put(row: Row, over: Transport, port: number): Promise<void> {
  const message = octetsOf(row.ask)
  const octets = over === 'udp' ? await overUdp(message, port, !row.waits) : await overTcp(message, port)
  const expected = typeof row.is === 'string' ? row.is : row.is[over]
  equal(octets === undefined ? DROPPED : shown(octets), text`${expected}`)
  if (octets === undefined) return
  holds(message, octets, over)
  row.also?.(octets, over)
}
