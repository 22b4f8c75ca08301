/**
 * Routing: the server block for a name, by longest zone suffix, within the blocks of one listener. Also the zone sets
 * that plugins match names with. Built by the control plane, only read here.
 */
import type { Next, Stage } from './plugin.ts'
import { TYPE } from './wire/codes.ts'
import { countLabels, equalOctets, hashName, type Name } from './wire/name.ts'
import type { Query } from './wire/query.ts'

/** A server block as the data plane sees it. */
export interface Block {
  readonly zone: Name
  readonly chain: Next
  /** Names of the block's plugins, in chain order: `q.stage` is an index into it. */
  readonly plugins: readonly string[]
  /** Stages with `observe`, in chain order. */
  readonly observers: readonly Stage[]
  /** RA on the block's replies. */
  readonly recursionAvailable: boolean
  /** Most octets of a UDP reply, and what a reply's OPT offers. */
  readonly udpBytes: number
  /** What this server is called, for those who ask (RFC 5001); undefined: it has no name. */
  readonly nsid?: Uint8Array | undefined
  /** Answers what is asked in class CH; undefined: nothing is. */
  readonly chaos?: Next | undefined
}

/** Zones to match names against. Looked up by hash, so that a thousand zones cost what two do. */
export class ZoneSet {
  readonly names: readonly Name[]
  readonly #byHash = new Map<number, number>()
  readonly #next: number[] = []
  readonly #hasRoot: boolean
  /** Where the last matched zone begins: its first label's index in the query's name. */
  label = 0

  constructor(names: readonly Name[]) {
    this.names = names
    this.#hasRoot = names.some(name => name.length === 1)
    names.forEach((name, i) => {
      const hash = hashName(name)
      this.#next[i] = this.#byHash.get(hash) ?? -1
      this.#byHash.set(hash, i)
    })
  }

  /** Index of the longest zone that is the query's name or above it, -1 if there is none. Sets `label`. */
  match(q: Query, from = 0): number {
    const last = this.#hasRoot ? q.labelCount : q.labelCount - 1
    for (let label = from; label <= last; label++) {
      const found = this.#at(q, label)
      if (found >= 0) {
        this.label = label
        return found
      }
    }
    return -1
  }

  #at(q: Query, label: number): number {
    let i = this.#byHash.get(q.suffixHash[label]!) ?? -1
    const at = q.labelAt[label]!
    for (; i >= 0; i = this.#next[i]!) {
      const name = this.names[i]!
      if (name.length === q.qnameLength - at && equalOctets(name, 0, q.qname, at, name.length)) return i
    }
    return -1
  }

  /** True if the name is one of the zones or below one. */
  encloses(name: Name): boolean {
    const labels = countLabels(name)
    for (let i = 0, at = 0; i <= labels; at += name[at]! + 1, i++) {
      const suffix = name.subarray(at)
      if (this.names.some(zone => zone.length === suffix.length && equalOctets(zone, 0, suffix, 0, zone.length)))
        return true
    }
    return false
  }
}

/** All that one listener serves. The control plane replaces the whole object, never a part. */
export class Routes {
  readonly blocks: readonly Block[]
  readonly #zones: ZoneSet
  readonly #onlyRoot: Block | undefined
  /** RA on every reply: one of the blocks resolves names anywhere below the root. */
  readonly recursionAvailable: boolean
  /** Told of queries that no block answered. */
  readonly droppedObserver: Stage | undefined
  /** Metric label of the listener: `dns://:53`. */
  readonly server: string

  constructor(
    blocks: readonly Block[],
    recursionAvailable: boolean,
    droppedObserver: Stage | undefined,
    server: string,
  ) {
    this.server = server
    this.blocks = blocks
    this.#zones = new ZoneSet(blocks.map(block => block.zone))
    this.#onlyRoot = blocks.length === 1 && blocks[0]!.zone.length === 1 ? blocks[0] : undefined
    this.recursionAvailable = recursionAvailable
    this.droppedObserver = droppedObserver
  }

  /** The block of the longest zone that encloses the name. */
  route(q: Query): Block | undefined {
    if (this.#onlyRoot !== undefined) return this.#onlyRoot
    let found = this.#zones.match(q)
    // A DS set lives on the parent's side of the cut (RFC 4035 §3.1.4.1): the shortest zone but the root has it.
    while (found >= 0 && q.qtype === TYPE.DS) {
      const above = this.#zones.match(q, this.#zones.label + 1)
      if (above < 0 || this.blocks[above]!.zone.length === 1) break
      found = above
    }
    return found < 0 ? undefined : this.blocks[found]
  }
}
