/** What one reply of an upstream costs, from its octets to those that the client gets. */
import { equal } from 'node:assert/strict'
import { fillAnswer, readReply } from '../../plugins/forward/message/taken.ts'
import { encode } from '../../server/wire/encode.ts'
import type { Query } from '../../server/wire/query.ts'

const RUNS = 8
const out = new Uint8Array(65_535)

/** How long the fastest of some runs took: others share this machine. `takes`: it is a reply, not garbage. */
export function costMs(q: Query, message: Buffer, takes: boolean): number {
  let leastMs = Number.POSITIVE_INFINITY
  for (let run = 0; run < RUNS; run++) {
    const startedAtMs = performance.now()
    equal(readReply(q, message, 0, message.length), takes)
    if (takes) {
      fillAnswer(q)
      encode(q, q.answer, out, 0, out.length, 1232, true)
    }
    leastMs = Math.min(leastMs, performance.now() - startedAtMs)
  }
  return leastMs
}
