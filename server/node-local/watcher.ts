/**
 * The watcher: keeps the node's addresses and the fallback in place, and says in its own table what is served on the node, as
 * long as a server's heartbeats say so.
 */
import type { Server, Socket } from 'node:net'
import { type Address, addAddresses } from './addresses.ts'
import { applyFallback, offerFallback } from './fallback.ts'
import { type LinkEvents, listenForLinks } from './links.ts'
import { info, warn } from './log.ts'
import { FALLBACK_TABLE, isOwnTable, needsFallback, SERVED_MS } from './rules.ts'
import type { Settings } from './settings.ts'
import { OwnTable, tables } from './table.ts'

/** Between two looks at what others may have taken away: addresses, the fallback. */
const LOOK_EVERY_MS = 10_000

/** After SIGTERM, for the connections that the server still answers: within the grace period of a pod, 30 s. */
const LINGER_MS = 20_000

/** What a server has said last. */
interface Word {
  readonly addresses: readonly Address[]
  /** By `performance.now()`. */
  readonly atMs: number
}

export class Watcher implements LinkEvents {
  #settings: Settings
  #table: OwnTable
  /** By connection: those that serve. */
  #words = new Map<Socket, Word>()
  #links: Server | undefined
  #looks: NodeJS.Timeout | undefined
  #isLooking = false
  #isLeaving = false
  /** Its server has served all addresses: the fallback is this watcher's. */
  #hasServed = false
  /** Addresses that were served when it was told last. */
  #told = ''

  private constructor(settings: Settings, table: OwnTable) {
    this.#settings = settings
    this.#table = table
  }

  /** @throws ProgramError, or the system's error where it cannot listen */
  static async start(settings: Settings): Promise<Watcher> {
    await addAddresses(settings)
    await offerFallback(settings)
    const watcher = new Watcher(settings, await OwnTable.open(settings.addresses))
    try {
      watcher.#links = await listenForLinks(settings.socket, watcher)
    } catch (cause) {
      await watcher.#table.close()
      throw cause
    }
    watcher.#looks = setInterval(() => watcher.#lookAgain(), LOOK_EVERY_MS)
    return watcher
  }

  /**
   * From now on the Service answers what is new. What was begun stays with the server until that ends: both are told to leave
   * at the same time. Addresses and fallback stay.
   */
  async stop(): Promise<void> {
    this.#isLeaving = true
    clearInterval(this.#looks)
    this.#words.clear()
    this.#refresh()
    const ended = new Promise<void>(done => this.#links!.close(() => done()))
    await Promise.race([ended, new Promise(done => setTimeout(done, LINGER_MS))])
    await this.#table.close()
  }

  serving(link: Socket, texts: readonly string[]): void {
    if (this.#isLeaving) return
    const addresses = this.#settings.addresses.filter(({ text }) => texts.includes(text))
    if (addresses.length === 0 && this.#words.get(link)?.addresses.length !== 0) {
      const expected = this.#settings.addresses.map(({ text }) => text).join(', ')
      warn(`found a server that serves ${texts.join(', ') || 'no address on port 53'}, expected ${expected}`)
    }
    this.#words.set(link, { addresses, atMs: performance.now() })
    this.#refresh()
    if (this.#hasServed || this.ready() !== 'yes') return
    this.#hasServed = true
    applyFallback(this.#settings).catch(cause => warn(cause.message))
  }

  leaving(link: Socket): void {
    if (!this.#words.delete(link)) return
    info('the server leaves')
    this.#refresh()
  }

  closed(link: Socket): void {
    if (!this.#words.delete(link)) return
    warn('the server is gone')
    this.#refresh()
  }

  ready(): string {
    const served = this.#served()
    const missing = this.#settings.addresses.filter(address => !served.includes(address))
    return missing.length === 0 ? 'yes' : `no: found no server at ${missing.map(({ text }) => text).join(', ')}`
  }

  #served(): Address[] {
    const sinceMs = performance.now() - SERVED_MS
    const fresh = [...this.#words.values()].filter(({ atMs }) => atMs > sinceMs)
    return this.#settings.addresses.filter(address => fresh.some(({ addresses }) => addresses.includes(address)))
  }

  #refresh(): void {
    const served = this.#served()
    this.#table.serve(served)
    const names = served.map(({ text }) => text).join(', ')
    if (names !== this.#told) info(names === '' ? 'nothing is served on the node' : `served on the node: ${names}`)
    this.#told = names
  }

  async #lookAgain(): Promise<void> {
    if (this.#isLooking) return // it may take longer than the time to the next
    this.#isLooking = true
    await this.#look().catch(cause => warn(`${cause.message}`))
    this.#isLooking = false
  }

  async #look(): Promise<void> {
    const missing = await addAddresses(this.#settings)
    if (missing.length > 0) warn(`found no ${missing.map(({ text }) => text).join(', ')} on lo: given again`)
    const names = await tables()
    this.#table.check(names)
    const { addresses, fallback } = this.#settings
    const isAlone = !names.some(name => isOwnTable(name) && name !== this.#table.name)
    const isMine = (isAlone || this.#hasServed) && needsFallback(addresses, fallback)
    if (isMine && !names.includes(FALLBACK_TABLE)) {
      warn(`found no table "${FALLBACK_TABLE}": made again`)
      await applyFallback(this.#settings)
    }
    // A server that hangs is forgotten by the kernel; here it is told.
    this.#refresh()
  }
}
