/**
 * The sockets of the server: which are open, and how the set follows a generation. New ones are bound before anything
 * changes; old ones are closed after everything has.
 */
import { networkInterfaces } from 'node:os'
import { canJoin, hasSuccessor, isWildcard, ListenError, type Listener, listen, listenPair } from '../listen/listen.ts'
import { warn } from '../log.ts'
import type { Generation, ListenerPlan } from './generation.ts'
import { hostPort } from './site.ts'
import type { ThreadPlace } from './threads/messages.ts'

/** Where the main thread has bound a plan. */
export interface MainPlace {
  readonly address: string
  readonly port: number
  readonly ipv6Only: boolean
}

/** Listeners by `planKey`. */
export type OpenSockets = ReadonlyMap<string, readonly Listener[]>

export class Sockets {
  readonly #open = new Map<string, readonly Listener[]>()

  /** Messages read so far by all sockets. */
  get received(): number {
    return this.all().reduce((sum, { received }) => sum + received, 0)
  }

  all(): readonly Listener[] {
    return [...this.#open.values()].flat()
  }

  /** The port that is open for a plan: another than planned if that was 0. */
  portOf(key: string): number | undefined {
    return this.#open.get(key)?.[0]?.port
  }

  /** Where a plan is bound, or was by `bind`; undefined for one that was left out. */
  placeOf(key: string, { plans }: Generation, bound?: OpenSockets): MainPlace | undefined {
    const [listener] = this.#open.get(key) ?? bound?.get(key) ?? []
    const plan = plans.get(key)
    if (listener === undefined || plan === undefined) return undefined
    return { address: listener.address, port: listener.port, ipv6Only: isIpv6Only(plan, plans) }
  }

  /**
   * Binds what a generation needs and is not open. Nothing is read, except where a running socket for every address
   * would have got the queries: there they are answered as that one answers.
   * @throws ListenError if one cannot be bound; then none of them stays open.
   */
  async bind(generation: Generation): Promise<OpenSockets> {
    const bound = new Map<string, readonly Listener[]>()
    try {
      for (const [key, plan] of wildcardsFirst(generation)) {
        if (this.#open.has(key)) continue
        const listeners = await bindPlan(plan, generation, this.all()).catch(cause => {
          throw explained(cause, plan, this.all())
        })
        if (listeners === undefined) continue
        bound.set(key, listeners)
        for (const listener of listeners) this.#standIn(listener)
      }
    } catch (cause) {
      await closeAll(bound)
      throw cause
    }
    return bound
  }

  /**
   * In another thread than the main one: opens what is not open, beside the sockets that the main thread has there. Reads
   * nothing.
   * @throws ListenError if one cannot be bound; then none of them stays open.
   */
  async join({ plans }: Generation, places: readonly ThreadPlace[]): Promise<OpenSockets> {
    const bound = new Map<string, readonly Listener[]>()
    try {
      for (const { key, address, port, ipv6Only, sockets, fd } of places) {
        const plan = plans.get(key)
        if (plan === undefined) throw new Error(`nothing is planned for "${key}" in this thread`)
        if (this.#open.has(key)) continue
        const { routes, secure, tcp } = plan
        const options = { routes, server: routes.server, ipv6Only, reusePort: true, sockets, secure, tcp }
        if (plan.scheme !== 'dns') {
          bound.set(key, [await listen(plan.scheme, address, port, options)])
          continue
        }
        const udp = await listen('udp', address, port, fd === undefined ? options : { ...options, fd })
        bound.set(key, [udp])
        bound.set(key, [udp, await listen('tcp', address, port, options)])
      }
    } catch (cause) {
      await closeAll(bound)
      throw cause
    }
    return bound
  }

  /** Has a new listener answer as the running one does from which it took over an address. */
  #standIn(listener: Listener): void {
    const { transport, scheme, address, port } = listener
    const covers = (one: Listener) =>
      one.transport === transport && one.scheme === scheme && one.port === port && isCovered(address, one.address)
    const running = this.all().find(covers)
    if (running === undefined) return
    listener.routes = running.routes
    listener.start()
  }

  /** Puts a generation behind the sockets: the open ones and those that `bind` made for it. */
  serve(generation: Generation, bound: OpenSockets): void {
    for (const [key, plan] of generation.plans) {
      for (const listener of this.#open.get(key) ?? []) {
        listener.routes = plan.routes
        if (plan.secure !== undefined) listener.secure?.(plan.secure)
        listener.limitTo?.(plan.tcp)
        listener.shareWith?.(plan.sockets)
      }
      const made = bound.get(key)
      if (made === undefined) continue
      this.#open.set(key, made)
      for (const listener of made) {
        listener.routes = plan.routes
        listener.start()
      }
    }
  }

  /** True where other processes get whatever comes once this one has let go of its addresses. */
  get haveSuccessor(): boolean {
    const all = this.all()
    return all.length > 0 && all.every(listener => hasSuccessor(listener))
  }

  /** Has the kernel give what comes from now on to those. What waits is read; `close` follows. */
  handOver(): void {
    for (const listener of this.all()) listener.handOver?.()
  }

  /** Closes the sockets of plans that are needed no more. Resolves when their queries were answered. */
  async closeUnused(isUsed: (key: string) => boolean): Promise<void> {
    const unused = new Map([...this.#open].filter(([key]) => !isUsed(key)))
    for (const key of unused.keys()) this.#open.delete(key)
    await closeAll(unused)
  }

  /** Closes all of them. Resolves when their queries were answered. */
  async close(): Promise<void> {
    const all = new Map(this.#open)
    this.#open.clear()
    await closeAll(all)
  }
}

/** Closes sockets that `bind` made. */
export async function closeAll(sockets: OpenSockets): Promise<void> {
  await Promise.all([...sockets.values()].flat().map(listener => listener.stop()))
}

/** Undefined for an IPv6 address where the kernel has no IPv6, and another address is there to serve. */
async function bindPlan(
  plan: ListenerPlan,
  { plans }: Generation,
  running: readonly Listener[],
): Promise<readonly Listener[] | undefined> {
  const { scheme, address, port, routes, secure, tcp: limits } = plan
  const ipv6Only = isIpv6Only(plan, plans)
  // Several sockets of one address need the flag too, from the start where it cannot be set later.
  const isBeside =
    [...plans.values(), ...running].some(other => isBetween(plan, other)) || (plan.sockets > 1 && !canJoin())
  try {
    const options = { routes, server: routes.server, ipv6Only, isBeside, sockets: plan.sockets, secure, tcp: limits }
    if (scheme !== 'dns') return [await listen(scheme, address, port, options)]
    const { udp, tcp } = await listenPair(address, port, options)
    return [udp, tcp]
  } catch (cause) {
    const isSpare = address.includes(':') && [...plans.values()].some(other => !other.address.includes(':'))
    if (!(cause instanceof ListenError) || cause.code === 'EADDRINUSE' || !isSpare || hasIpv6()) throw cause
    warn(undefined, `${routes.server} is left out: this machine has no IPv6`)
    return undefined
  }
}

function isIpv6Only({ address, port }: ListenerPlan, plans: Generation['plans']): boolean {
  return address === '::' && [...plans.values()].some(other => other.address === '0.0.0.0' && other.port === port)
}

/** A socket for every address before the others of its port: alone, it meets whatever another process has there. */
function wildcardsFirst({ plans }: Generation): readonly [string, ListenerPlan][] {
  return [...plans].toSorted(([, a], [, b]) => Number(isWildcard(b.address)) - Number(isWildcard(a.address)))
}

interface At {
  readonly address: string
  readonly port: number
}

/** True for one address and every address on a port. */
function isBetween(a: At, b: At): boolean {
  return a.port === b.port && a.address !== b.address && (isWildcard(a.address) || isWildcard(b.address))
}

/** True where a wildcard takes the queries for an address that nobody else has. */
function isCovered(address: string, wildcard: string): boolean {
  if (address === '' || address === wildcard) return false
  return wildcard === '' || wildcard === (address.includes(':') ? '::' : '0.0.0.0')
}

/** Without node:ffi a socket that was opened alone lets no other in, not even one of its own process: say so. */
function explained(cause: unknown, plan: ListenerPlan, running: readonly Listener[]): unknown {
  const isInUse = cause instanceof ListenError && cause.code === 'EADDRINUSE'
  const own = running.find(one => isBetween(plan, one))
  if (!isInUse || own === undefined || canJoin()) return cause
  const found = `cannot listen on "${hostPort(plan.address, plan.port)}" beside "${hostPort(own.address, own.port)}"`
  return new Error(`${found}, which this server has open, expected a restart`, { cause })
}

function hasIpv6(): boolean {
  return Object.values(networkInterfaces()).some(addresses => addresses?.some(({ family }) => family === 'IPv6'))
}
