/**
 * The sockets of the server: which are open, and how the set follows a generation. New ones are bound before anything
 * changes; old ones are closed after everything has.
 */
import { networkInterfaces } from 'node:os'
import { ListenError, type Listener, listenPair } from '../listen/listen.ts'
import { warn } from '../log.ts'
import type { Generation, ListenerPlan } from './generation.ts'
import { hostPort, serverLabel } from './site.ts'

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

  /**
   * Binds what a generation needs and is not open. Nothing is read.
   * @throws ListenError if one cannot be bound; then none of them stays open.
   */
  async bind(generation: Generation): Promise<ReadonlyMap<string, readonly Listener[]>> {
    const bound = new Map<string, readonly Listener[]>()
    try {
      for (const [key, plan] of generation.plans) {
        if (this.#open.has(key)) continue
        const open = [...this.#open.values(), ...bound.values()].flat()
        const listeners = await bindPlan(plan, generation).catch(cause => {
          throw explained(cause, plan, open)
        })
        if (listeners !== undefined) bound.set(key, listeners)
      }
    } catch (cause) {
      await closeAll(bound)
      throw cause
    }
    return bound
  }

  /** Puts a generation behind the sockets: the open ones and those that `bind` made for it. */
  serve(generation: Generation, bound: ReadonlyMap<string, readonly Listener[]>): void {
    for (const [key, plan] of generation.plans) {
      for (const listener of this.#open.get(key) ?? []) listener.routes = plan.routes
      const made = bound.get(key)
      if (made === undefined) continue
      this.#open.set(key, made)
      for (const listener of made) listener.start()
    }
  }

  /** Closes the sockets that a generation does not need. Resolves when their queries were answered. */
  async closeUnused(generation: Generation): Promise<void> {
    const unused = new Map([...this.#open].filter(([key]) => !generation.plans.has(key)))
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
export async function closeAll(sockets: ReadonlyMap<string, readonly Listener[]>): Promise<void> {
  await Promise.all([...sockets.values()].flat().map(listener => listener.stop()))
}

/** Undefined for an IPv6 address where the kernel has no IPv6, and another address is there to serve. */
async function bindPlan(plan: ListenerPlan, { plans }: Generation): Promise<readonly Listener[] | undefined> {
  const { address, port, routes } = plan
  const has = (other: string) => [...plans.values()].some(peer => peer.address === other && peer.port === port)
  const ipv6Only = address === '::' && has('0.0.0.0')
  try {
    const { udp, tcp } = await listenPair(address, port, { routes, server: serverLabel(address, port), ipv6Only })
    return [udp, tcp]
  } catch (cause) {
    const isSpare = address.includes(':') && [...plans.values()].some(other => !other.address.includes(':'))
    if (!(cause instanceof ListenError) || cause.code === 'EADDRINUSE' || !isSpare || hasIpv6()) throw cause
    warn(undefined, `${serverLabel(address, port)} is left out: this machine has no IPv6`)
    return undefined
  }
}

/** The kernel lets nobody listen on one address beside every address, not even the same process: say so. */
function explained(cause: unknown, { address, port }: ListenerPlan, open: readonly Listener[]): unknown {
  const isInUse = cause instanceof ListenError && cause.code === 'EADDRINUSE'
  const own = open.find(one => one.port === port && isWildcard(one.address) !== isWildcard(address))
  if (!isInUse || own === undefined) return cause
  const found = `cannot listen on "${hostPort(address, port)}" beside "${hostPort(own.address, port)}", which this server has open`
  return new Error(`${found}, expected bind in all server blocks of a port or in none, and a restart to change that`, {
    cause,
  })
}

function isWildcard(address: string): boolean {
  return ['', '0.0.0.0', '::'].includes(address)
}

function hasIpv6(): boolean {
  return Object.values(networkInterfaces()).some(addresses => addresses?.some(({ family }) => family === 'IPv6'))
}
