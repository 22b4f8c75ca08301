/**
 * `loop`: finds upstreams of `forward` that send our own queries back to us, and has them left alone. A question with an
 * unguessable name goes to each upstream; if it arrives here, that upstream loops. Never ends the process; watching
 * goes on, and an upstream that loops no more is asked again. The main thread asks; what it asks with and what it finds is
 * known to all threads, for a question may come back to any of them (threads.ts).
 */
import type { MessagePort } from 'node:worker_threads'
import { info, warn } from '../../server/log.ts'
import { cells, counter } from '../../server/metrics.ts'
import type { Answer, Directive, Next, Plugin, Query, Site, Stage } from '../../server/plugin.ts'
import * as reply from '../../server/reply.ts'
import { EDE, TYPE } from '../../server/wire/codes.ts'
import { isWithin, type Name, nameToText, unguessableBelow } from '../../server/wire/name.ts'
import type { Forward, UpstreamView } from '../forward/forward.ts'
import { Inner, Others, type Shared } from './threads.ts'

const detected = counter('sextant_loop_detected_total', 'Loops found, by the upstream that sends queries back.', 'to')

/** When an upstream is asked whether it loops. */
export interface Timing {
  /** Until it has answered once. */
  readonly firstMs: number
  readonly tries: number
  /** While all is well. */
  readonly watchMs: number
  /** While it loops. */
  readonly loopingMs: number
  /** So long after an answer the question must not have come back, to say that the loop is gone. */
  readonly quietMs: number
}

const TIMING: Timing = { firstMs: 1000, tries: 30, watchMs: 25_000, loopingMs: 30_000, quietMs: 5000 }
const TOKEN_LIFE_MS = 600_000 // a slow loop is a loop

export const plugin: Plugin = {
  name: 'loop',
  setup: (directive: Directive, site: Site) => {
    const line = directive.once()
    line.noArguments()
    line.noBlock()
    return new Loop(site)
  },
}

/** What is known of one upstream. */
interface Watched {
  readonly address: string
  readonly from: Name
  nextAtMs: number
  tries: number
  looping: boolean
  seenAtMs: number
}

/** A question that is under way, or was. */
interface Token {
  readonly watched: Watched
  readonly sentAtMs: number
}

export class Loop implements Stage {
  readonly #site: Site
  readonly #timing: Timing
  #forwards: readonly Forward[] = []
  readonly #watched = new Map<string, Watched>()
  /** By the question's name as text. */
  readonly #tokens = new Map<string, Token>()
  /** Keys of upstreams that looped before the reload. */
  #looped: ReadonlySet<string> = new Set()
  #timer: NodeJS.Timeout | undefined
  readonly #others = new Others((name, source) => this.#returned(name, source))
  /** In another thread than the main one. */
  #inner: Inner | undefined

  constructor(site: Site, timing = TIMING) {
    this.#site = site
    this.#timing = timing
  }

  link(): void {
    this.#forwards = this.#site.peers('forward') as readonly Stage[] as readonly Forward[]
  }

  start(previous: Stage | undefined): void {
    if (!(previous instanceof Loop)) return
    this.#looped = new Set([...previous.#watched].filter(([, one]) => one.looping).map(([key]) => key))
  }

  share(port: MessagePort): Shared {
    const looping = [...this.#watched.values()]
      .filter(one => one.looping)
      .map(({ address, from }) => ({ address, from }))
    return this.#others.add(port, [...this.#tokens.keys()], looping)
  }

  join(shared: unknown, port: MessagePort): void {
    this.#inner = new Inner(shared as Shared, port, ({ address, from, isLooping }) => {
      for (const forward of this.#forwards) {
        if (isLooping) forward.disable(address, from, reasonOf(address))
        else forward.enable(address, from)
      }
    })
  }

  /** The sockets are open: what loops can arrive. */
  serving(): void {
    if (this.#forwards.length === 0 || this.#inner !== undefined) return
    this.#look()
    this.#timer = setInterval(() => this.#look(), Math.min(1000, this.#timing.firstMs))
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  handle(q: Query, next: Next): Answer | Promise<Answer> {
    if (q.qtype !== TYPE.HINFO || (this.#tokens.size === 0 && this.#inner === undefined)) return next(q)
    const name = q.qnameText
    const { address, family, port } = q.peer
    const source = () => (family === 6 ? `[${address}]:${port}` : `${address}:${port}`)
    if (this.#inner?.found(name, source) !== true && !this.#returned(name, source())) return next(q)
    return reply.refused(q, EDE.PROHIBITED, 'forwarding loop') // it ends here, whatever the upstream makes of it
  }

  #look(): void {
    const nowMs = performance.now()
    for (const [name, token] of this.#tokens) if (nowMs - token.sentAtMs > TOKEN_LIFE_MS) this.#tokens.delete(name)
    const present = new Set<string>()
    for (const forward of this.#forwards) {
      for (const view of forward.upstreams()) {
        const watched = this.#watch(forward, view, nowMs)
        present.add(keyOf(view))
        if (nowMs >= watched.nextAtMs) this.#probe(forward, watched, nowMs)
      }
    }
    for (const key of this.#watched.keys()) if (!present.has(key)) this.#watched.delete(key)
  }

  #watch(forward: Forward, { address, from }: UpstreamView, nowMs: number): Watched {
    const key = keyOf({ address, from })
    let watched = this.#watched.get(key)
    if (watched === undefined) {
      const looping = this.#looped.has(key)
      if (looping) {
        forward.disable(address, from, reasonOf(address))
        this.#others.tell({ address, from, isLooping: true })
      }
      watched = { address, from, nextAtMs: nowMs, tries: 0, looping, seenAtMs: -1 }
      this.#watched.set(key, watched)
    }
    return watched
  }

  #probe(forward: Forward, watched: Watched, nowMs: number): void {
    const { firstMs, tries, watchMs, loopingMs } = this.#timing
    watched.tries++
    watched.nextAtMs = nowMs + (watched.looping ? loopingMs : watched.tries < tries ? firstMs : watchMs)
    const name = this.#unguessableName(watched.from)
    if (name === undefined) return
    this.#tokens.set(nameToText(name), { watched, sentAtMs: nowMs })
    const ask = () => forward.inquire(watched.address, watched.from, name, TYPE.HINFO)
    const asking = this.#others.size === 0 ? ask() : this.#others.learn(nameToText(name)).then(ask)
    asking.then(
      answered => this.#answered(forward, watched, answered, nowMs),
      cause => warn('loop', `cannot ask ${watched.address}: ${cause instanceof Error ? cause.message : cause}`),
    )
  }

  /** Below the block's zone or FROM, whichever is below the other; undefined where it has no room. */
  #unguessableName(from: Name): Name | undefined {
    const zone = this.#site.zones[0]!
    return unguessableBelow(isWithin(from, zone) ? from : zone)
  }

  #answered(forward: Forward, watched: Watched, answered: boolean, askedAtMs: number): void {
    if (!answered) return
    if (!watched.looping) {
      watched.tries = this.#timing.tries
      watched.nextAtMs = askedAtMs + this.#timing.watchMs
      return
    }
    const check = setTimeout(() => {
      if (!watched.looping || watched.seenAtMs >= askedAtMs) return
      watched.looping = false
      forward.enable(watched.address, watched.from)
      this.#others.tell({ address: watched.address, from: watched.from, isLooping: false })
      info('loop', `upstream ${watched.address} sends queries back no more and is asked again`)
    }, this.#timing.quietMs)
    check.unref()
  }

  /** False if the question `name` is none of ours. It came back from `source`, an address with its port. */
  #returned(name: string, source: string): boolean {
    const token = this.#tokens.get(name)
    if (token !== undefined) this.#found(token.watched, name, source)
    return token !== undefined
  }

  /** One of our questions came back. */
  #found(watched: Watched, name: string, source: string): void {
    const nowMs = performance.now()
    watched.seenAtMs = nowMs
    watched.nextAtMs = nowMs + this.#timing.loopingMs
    if (watched.looping) return
    watched.looping = true
    cells[detected(watched.address)]! += 1
    const { address, from } = watched
    const zone = this.#site.zoneTexts[0]
    for (const forward of this.#forwards) forward.disable(address, from, reasonOf(address))
    this.#others.tell({ address, from, isLooping: true })
    const text = `Loop (${source} -> ${this.#site.servers[0]}) detected for zone "${zone}"`
    const advice = 'is asked no more until that ends: forward to a name server that does not use this one'
    warn('loop', `${text}: upstream ${address} sends queries back and ${advice}. Query: "HINFO ${name}"`)
  }
}

function reasonOf(address: string): string {
  return `loop: ${address} sends queries back to this server`
}

function keyOf({ address, from }: Pick<UpstreamView, 'address' | 'from'>): string {
  return `${address} ${nameToText(from)}`
}
