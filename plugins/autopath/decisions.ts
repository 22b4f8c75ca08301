/**
 * What became of names a moment ago: clients ask for A and AAAA of a name, one after the other, and what is decided for one
 * holds for the other. A table of fixed size; who comes into the place of another has it, and the other decides anew.
 */

import type { Query } from '../../server/plugin.ts'
import { HASH_START, hashOctet } from '../../server/wire/name.ts'

/** As long as a resolver may take from one type to the next. */
const HELD_MS = 5000
const SLOTS = 8192

/** No decision is known; the name was left to the client. Else the element of its search path that the answer is from. */
export const UNDECIDED = -1
export const LEFT_ALONE = 0

export class Decisions {
  readonly #client = new Int32Array(SLOTS)
  readonly #name = new Int32Array(SLOTS)
  readonly #type = new Uint16Array(SLOTS)
  readonly #decision = new Uint8Array(SLOTS)
  readonly #untilMs = new Float64Array(SLOTS)
  /** Decisions that are being made, by slot. */
  readonly #pending = new Map<number, Promise<unknown>>()

  /** What was decided when the client asked for another type of the name. */
  recall(q: Query): number {
    const client = hashClient(q)
    const slot = slotOf(q, client)
    const isKnown = this.#client[slot] === client && this.#name[slot] === q.suffixHash[0]
    if (!isKnown || this.#type[slot] === q.qtype || performance.now() >= this.#untilMs[slot]!) return UNDECIDED
    return this.#decision[slot]!
  }

  keep(q: Query, decision: number): void {
    const client = hashClient(q)
    const slot = slotOf(q, client)
    this.#client[slot] = client
    this.#name[slot] = q.suffixHash[0]!
    this.#type[slot] = q.qtype
    this.#decision[slot] = decision
    this.#untilMs[slot] = performance.now() + HELD_MS
  }

  /** The decision about the name, or one in its place, that somebody is waiting for. */
  pending(q: Query): Promise<unknown> | undefined {
    return this.#pending.size === 0 ? undefined : this.#pending.get(slotOf(q, hashClient(q)))
  }

  /** Holds others up until `made` has settled. */
  hold(q: Query, made: Promise<unknown>): void {
    const slot = slotOf(q, hashClient(q))
    if (this.#pending.has(slot)) return
    const done = () => void this.#pending.delete(slot)
    this.#pending.set(slot, made.then(done, done))
  }
}

function slotOf(q: Query, client: number): number {
  const hash = q.suffixHash[0]! ^ Math.imul(client, 0x9e3779b1)
  return (hash ^ (hash >>> 13)) & (SLOTS - 1)
}

function hashClient(q: Query): number {
  const { address } = q.peer
  let hash = HASH_START
  for (let i = 0; i < address.length; i++) hash = hashOctet(hash, address.charCodeAt(i))
  return hash
}
