/**
 * The connections of one listener, over TCP, TLS or HTTPS: how many there are and whose, their time on one wheel, which makes
 * room for a new one, and their end.
 */
import type { Socket } from 'node:net'
import { cells, counter, summedGauge } from '../metrics.ts'
import { type Timed, Wheel } from '../wheel.ts'
import { plainAddress } from './address.ts'
import { STOP_MS, type TcpLimits } from './listener.ts'
import { type Client, Clients, type Guest, loserTo } from './tcp-shares.ts'

export type CloseReason =
  | 'garbage'
  | 'first-read'
  | 'idle'
  | 'write'
  | 'buffer'
  | 'memory'
  | 'limit'
  | 'queries'
  | 'stop'

export interface Connection extends Timed, Guest {
  close(reason: CloseReason): void
}

const open = summedGauge('sextant_tcp_connections', 'Open TCP connections.', 'server')
const closed = counter('sextant_tcp_closed_total', 'TCP connections that the server closed.', 'server', 'reason')

export class Connections<C extends Connection> {
  readonly #all = new Set<C>()
  readonly #clients = new Clients()
  readonly #wheel: Wheel<C>
  readonly #name: string
  readonly #openCell: number
  #onEmpty: (() => void) | undefined

  /** @param name of the listener in metrics; @param maxTickMs how much later than its time a connection may be closed */
  constructor(name: string, { firstReadMs, idleMs, writeMs }: TcpLimits, maxTickMs: number) {
    this.#name = name
    this.#openCell = open.cell(name)
    this.#wheel = new Wheel(Math.min(maxTickMs, Math.max(1, Math.min(firstReadMs, idleMs, writeMs) / 10)))
  }

  get all(): ReadonlySet<C> {
    return this.#all
  }

  /** Whose the socket is, which `add` makes a connection of. Undefined where there is no room for it: it is closed. */
  admit(socket: Socket, most: number): Client | undefined {
    const client = this.#clients.of(plainAddress(socket.remoteAddress ?? ''))
    if (this.#all.size < most || this.#makeRoom(client)) return client
    this.countClosed('limit')
    socket.destroy()
    return undefined
  }

  add(connection: C, firstReadMs: number): void {
    this.#clients.enter(connection.client)
    this.#all.add(connection)
    cells[this.#openCell]! += 1
    this.watch(connection, firstReadMs)
  }

  /** A connection is gone. */
  forget(connection: C): void {
    if (!this.#all.delete(connection)) return
    this.#wheel.forget(connection)
    this.#clients.leave(connection.client)
    cells[this.#openCell]! -= 1
    if (this.#all.size === 0) this.#onEmpty?.()
  }

  /** Has the connection looked at in `inMs`. */
  watch(connection: C, inMs: number): void {
    if (this.#all.has(connection)) this.#wheel.wakeAt(connection, performance.now() + inMs)
  }

  countClosed(reason: CloseReason): void {
    cells[closed(this.#name, reason)]! += 1
  }

  /** Has each of them `finish`, and closes those that are left after a while. */
  async end(finish: (connection: C) => void): Promise<void> {
    for (const connection of this.#all) finish(connection)
    if (this.#all.size > 0) {
      await new Promise<void>(resolve => {
        this.#onEmpty = resolve
        setTimeout(resolve, STOP_MS).unref()
      })
    }
    for (const connection of this.#all) connection.close('stop')
  }

  /** Closes a connection for a new one. */
  #makeRoom(newcomer: Client): boolean {
    const loser = loserTo<C>(newcomer, this.#clients.most, fits => this.#wheel.first(fits))
    loser?.close('limit')
    return loser !== undefined
  }
}
