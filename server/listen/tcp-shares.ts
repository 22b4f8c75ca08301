/**
 * What TCP clients have of what all of them share: the connections of a listener, and the octets that wait in this thread,
 * which are replies that clients have not taken, messages of which a part has come, and messages that may not be served
 * yet. Where either is used up, the client that has the most of it loses first. Knows no sockets.
 */
import { cells, summedGauge } from '../metrics.ts'

/** Everything of one address on one listener. */
export interface Client {
  readonly address: string
  connections: number
  /** Octets that wait on its connections. */
  octets: number
}

/** A connection, as far as it holds octets. */
export interface Holder {
  readonly client: Client
  /** As last told to `hold`. */
  readonly held: number
  /** Tells `hold` what it holds now: the kernel may have taken some. */
  settle(): void
  close(reason: 'memory'): void
}

/** The clients of one listener. */
export class Clients {
  readonly #known = new Map<string, Client>()

  /** Zero connections for one that is not known. */
  of(address: string): Client {
    return this.#known.get(address) ?? { address, connections: 0, octets: 0 }
  }

  enter(client: Client): void {
    if (client.connections++ === 0) this.#known.set(client.address, client)
  }

  leave(client: Client): void {
    if (--client.connections === 0) this.#known.delete(client.address)
  }

  /** The most connections that one of them has. */
  get most(): number {
    let most = 0
    for (const { connections } of this.#known.values()) if (connections > most) most = connections
    return most
  }
}

/** A connection, as far as it takes the place of others. */
export interface Guest {
  readonly client: Client
  /** Nothing is waited for on either side. */
  readonly isIdle: boolean
}

/**
 * Which connection makes room for a new one: of the clients that have the most, the one that has been idle the longest. A client
 * that has as many as anybody makes room itself. One that has two more than who comes loses busy connections too.
 * @param first of the connections, the one that has been quiet the longest first
 */
export function loserTo<T extends Guest>(
  newcomer: Client,
  most: number,
  first: (fits: (connection: T) => boolean) => T | undefined,
): T | undefined {
  const isOwn = newcomer.connections === most
  const loses = ({ client }: T) => (isOwn ? client === newcomer : client.connections === most)
  const idle = first(connection => connection.isIdle && loses(connection))
  return idle === undefined && newcomer.connections + 1 < most ? first(loses) : idle
}

/** So much of the octets is free after room was made, so that a flood does not make us look at everybody each time. */
const FREED_PART = 32
/** Closing takes some 20 µs: no more at a time than the loop may be held up for. */
const MAX_CLOSED = 128

const waiting = summedGauge('sextant_tcp_waiting_bytes', 'Octets that wait on TCP connections, both ways.').cell()

/** Connections of each listener of this thread, with what the listener says all of them may hold. */
const holders = new Map<ReadonlySet<Holder>, number>()
let maxOctets = Number.POSITIVE_INFINITY
let octets = 0
let isMakingRoom = false

/** A listener with these connections is there, and all connections of this thread may hold so many octets. */
export function join(connections: ReadonlySet<Holder>, most: number): void {
  holders.set(connections, most)
  maxOctets = Math.min(...holders.values())
}

export function leave(connections: ReadonlySet<Holder>): void {
  holders.delete(connections)
  maxOctets = Math.min(...holders.values())
}

/** `client` holds so many octets more; fewer, if negative. May close connections, also the one that it came from. */
export function hold(client: Client, more: number): void {
  client.octets += more
  octets += more
  cells[waiting] = octets
  if (octets > maxOctets && more > 0 && !isMakingRoom) makeRoom()
}

/** Closes connections of the client that holds the most, the fullest one first, then of the next. */
function makeRoom(): void {
  isMakingRoom = true
  try {
    const all: Holder[] = []
    for (const connections of holders.keys()) {
      for (const holder of connections) {
        holder.settle()
        if (holder.held > 0) all.push(holder)
      }
    }
    if (octets <= maxOctets) return
    all.sort((a, b) => b.client.octets - a.client.octets || b.held - a.held)
    const goal = maxOctets - maxOctets / FREED_PART
    for (let i = 0; octets > goal && i < Math.min(all.length, MAX_CLOSED); i++) all[i]!.close('memory')
  } finally {
    isMakingRoom = false
  }
}
