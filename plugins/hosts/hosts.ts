/**
 * Answers from a hosts file and from lines of the Corefile. The file is read again when its size or time changes; what it
 * says is looked up in table.ts.
 */
import { createReadStream, type Stats, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { fallthrough, type Property, together, zoneList } from '../../server/corefile/directive.ts'
import { info, warn } from '../../server/log.ts'
import { gauge } from '../../server/metrics.ts'
import type { Answer, Directive, Next, Plugin, Query, Site, Stage } from '../../server/plugin.ts'
import { expectFile, readWhole } from '../../server/read-file.ts'
import * as reply from '../../server/reply.ts'
import { ZoneSet } from '../../server/route.ts'
import { EDE, RCODE, TYPE } from '../../server/wire/codes.ts'
import { type Name, nameFromText } from '../../server/wire/name.ts'
import { workSlices } from '../../server/work-slices.ts'
import { addressBytes, type HostsLine } from './line.ts'
import { Filling } from './read.ts'
import { type Host, HostsTable } from './table.ts'

const NAME = 'hosts'
const DEFAULT_FILE = '/etc/hosts'
const DEFAULT_TTL = 3600
const DEFAULT_RELOAD_MS = 5000
/** A file of this size takes a millisecond or two; of a larger one queries would notice that it is read at once. */
const AT_ONCE_BYTES = 64 << 10
const MAX_TIMER_MS = 0x7fffffff // what setInterval takes
const MAX_NEGATIVE_TTL = 30 // a name that is added to the file should not stay hidden for long

const entries = gauge('coredns_hosts_entries', 'Entries of hosts files and Corefile lines.', 'hostsfile')
const reloaded = gauge('coredns_hosts_reload_timestamp_seconds', 'When a hosts file was last read, Unix time.')

interface Options {
  /** Absolute path. */
  readonly file: string
  readonly zones: readonly string[]
  readonly inline: readonly HostsLine[]
  readonly ttl: number
  readonly reverse: boolean
  /** 0: the file is read once. */
  readonly reloadMs: number
  readonly fallthrough: readonly string[]
  /** Types other than A, AAAA and PTR are left to the next plugin. */
  readonly passUnsupported: boolean
}

export const plugin: Plugin = {
  name: NAME,
  setup: (directive, site) => new HostsStage(parse(directive, site)),
}

function parse(directive: Directive, site: Site): Options {
  const hosts = directive.once()
  const [file, ...zones] = hosts.args
  const inline: HostsLine[] = []
  let ttl = DEFAULT_TTL
  let reverse = true
  let reloadMs = DEFAULT_RELOAD_MS
  const through: string[] = []
  let unsupported: Property | undefined
  let covered: readonly string[] = []
  const properties = () =>
    hosts.each(
      {
        ttl: p => {
          ttl = p.argument().integer(1, 65_535, 'ttl')
        },
        no_reverse: p => {
          p.noArguments()
          reverse = false
        },
        reload: p => {
          reloadMs = p.argument().duration({ maxMs: MAX_TIMER_MS })
        },
        fallthrough: p => {
          through.push(...fallthrough(p))
        },
        fallthrough_unsupported: p => {
          p.noArguments()
          unsupported = p
        },
      },
      { other: p => inline.push(parseInline(p)) },
    )
  together(() => {
    covered = zoneList(zones, site.zoneTexts)
  }, properties)
  if (through.length === 0) throwIf(unsupported, '"fallthrough_unsupported" without fallthrough, expected both or none')
  return {
    file: resolve(site.folder, file?.text ?? DEFAULT_FILE),
    zones: covered,
    inline,
    ttl,
    reverse,
    reloadMs,
    fallthrough: through,
    passUnsupported: unsupported !== undefined,
  }
}

function throwIf(property: Property | undefined, text: string): void {
  if (property !== undefined) throw property.error(text)
}

/** `ADDRESS NAME…`: the address stands where properties have their name. */
function parseInline(p: Property): HostsLine {
  const address = p.name.text
  if (addressBytes(address) === undefined) {
    const expected = 'an address, ttl, no_reverse, reload, fallthrough or fallthrough_unsupported'
    // CoreDNS: takes any unknown word for an address, and the line is lost in silence.
    throw p.error(`unknown property "${address}", expected ${expected}`, 'COREFILE_UNKNOWN_PROPERTY')
  }
  const names = p.arguments(1)
  for (const name of names) {
    try {
      nameFromText(name.text)
    } catch (cause) {
      throw name.error(`${(cause as Error).message}, expected a domain name`, 'COREFILE_INVALID_ZONE', cause)
    }
  }
  return { address, names: names.map(name => name.text) }
}

/** What tells one state of a file from the next. */
interface Mark {
  readonly mtimeMs: number
  readonly size: number
}

class HostsStage implements Stage {
  readonly #options: Options
  readonly #zones: ZoneSet
  readonly #fallthrough: ZoneSet
  /** SOA record data of each zone; undefined for the root, for which no hosts file can speak. */
  readonly #soas: readonly (Uint8Array | undefined)[]
  #table: HostsTable
  #mark: Mark | undefined
  /** Too large to be read while everything waits: `start` does it. */
  #isLarge = false
  #timer: NodeJS.Timeout | undefined
  #reading = false

  constructor(options: Options) {
    this.#options = options
    this.#zones = new ZoneSet(options.zones.map(nameFromText))
    this.#fallthrough = new ZoneSet(options.fallthrough.map(nameFromText))
    this.#soas = this.#zones.names.map(soaData)
    this.#table = this.#now()
    try {
      const mark = statSync(options.file)
      expectFile(mark)
      this.#isLarge = mark.size > AT_ONCE_BYTES
      if (this.#isLarge) return
      this.#table = this.#now(readWhole(options.file))
      this.#mark = mark
    } catch (cause) {
      warn(NAME, `cannot read "${options.file}": ${cause instanceof Error ? cause.message : cause}`)
    }
  }

  async start(): Promise<void> {
    if (this.#isLarge) await this.#readLarge()
    this.#publish()
    if (this.#options.reloadMs === 0) return
    this.#timer = setInterval(() => this.reload(), this.#options.reloadMs).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #readLarge(): Promise<void> {
    try {
      await this.#read(await stat(this.#options.file))
    } catch (cause) {
      warn(NAME, `cannot read "${this.#options.file}": ${(cause as Error).message}`)
    }
  }

  /** Reads the file, in this state of it, between queries. */
  async #read(mark: Stats): Promise<void> {
    expectFile(mark)
    const filling = new Filling(this.#empty(mark.size))
    for await (const piece of createReadStream(this.#options.file)) {
      for (const _ of filling.take(piece as Buffer)) if (workSlices.spent) await workSlices.pause()
    }
    const table = filling.end(this.#options.inline)
    this.#table = table
    this.#mark = mark
  }

  /** Reads the file again if it changed. What cannot be read leaves things as they are. */
  async reload(): Promise<void> {
    if (this.#reading) return
    this.#reading = true
    try {
      const found = await stat(this.#options.file)
      if (found.mtimeMs === this.#mark?.mtimeMs && found.size === this.#mark.size) return
      await this.#read(found)
      this.#publish()
      info(NAME, `read "${this.#options.file}" again: ${this.#table.entries} entries`)
    } catch (cause) {
      // Told once, not at each interval.
      if (this.#mark !== undefined) warn(NAME, `cannot read "${this.#options.file}" again: ${(cause as Error).message}`)
      this.#mark = undefined
    } finally {
      this.#reading = false
    }
  }

  /** What the table says is current: a cached answer would hide a line that was added or changed. */
  live(q: Query): boolean {
    const host = this.#table.find(q)
    if (q.qtype === TYPE.PTR) return this.#table.hasPointers(host)
    return this.#zones.match(q) >= 0 && (this.#table.isNamed(host) || this.#table.findWildcard(q) !== 0)
  }

  handle(q: Query, next: Next): Answer | Promise<Answer> {
    const table = this.#table
    const host = table.find(q)
    if (q.qtype === TYPE.PTR) return table.hasPointers(host) ? this.#pointers(q, host) : next(q)
    const zone = this.#zones.match(q)
    if (zone < 0) return next(q)
    const zoneLabel = this.#zones.label
    const isThrough = this.#fallthrough.match(q) >= 0
    const wildcard = table.findWildcard(q)
    if (q.qtype === TYPE.A || q.qtype === TYPE.AAAA) {
      const a = q.answer.reset()
      a.authoritative = true
      const { ttl } = this.#options
      if (table.addAddresses(a.answer, host, q.qtype, ttl) > 0) return a
      if (table.addAddresses(a.answer, wildcard, q.qtype, ttl) > 0) return a
    } else if (this.#options.passUnsupported && isThrough) return next(q)
    const isNamed = table.isNamed(host) || wildcard !== 0
    if (!isNamed && isThrough) return next(q)
    return this.#negative(q, zone, zoneLabel, isNamed, host !== 0)
  }

  #pointers(q: Query, host: Host): Answer {
    const a = q.answer.reset()
    a.authoritative = true
    this.#table.addPointers(a.answer, host, this.#options.ttl)
    return a
  }

  /**
   * In a zone of its own, hosts knows what there is not (RFC 2308 §3), and that a name exists that has others below it
   * (RFC 8020). Nobody can own the root that way: there, as in CoreDNS, an unknown name is a failure, and a denial has no
   * SOA.
   */
  #negative(q: Query, zone: number, zoneLabel: number, isNamed: boolean, hasBelow: boolean): Answer {
    const soa = this.#soas[zone]
    if (soa !== undefined) {
      const rcode = isNamed || hasBelow || zoneLabel === 0 ? RCODE.NOERROR : RCODE.NXDOMAIN
      return reply.negative(q, rcode, zoneLabel, soa, Math.min(this.#options.ttl, MAX_NEGATIVE_TTL))
    }
    if (!isNamed) return reply.servfail(q, EDE.NOT_AUTHORITATIVE, undefined, 'not in the hosts file')
    const a = reply.empty(q, RCODE.NOERROR)
    a.authoritative = true
    return a
  }

  /** A table of the lines of the Corefile and of a short text. */
  #now(text = Buffer.alloc(0)): HostsTable {
    const filling = new Filling(this.#empty(text.length))
    for (const _ of filling.take(text));
    return filling.end(this.#options.inline)
  }

  #empty(textBytes: number): HostsTable {
    return new HostsTable(this.#zones, this.#options.reverse, textBytes)
  }

  #publish(): void {
    entries.set(this.#table.entries, this.#options.file)
    if (this.#mark !== undefined) reloaded.set(this.#mark.mtimeMs / 1000)
  }
}

/** Record data of a zone's SOA; undefined for the root. */
function soaData(zone: Name): Uint8Array | undefined {
  if (zone.length === 1) return undefined
  const mail = nameFromText('hostmaster')
  const numbers = new DataView(new ArrayBuffer(20))
  for (const [i, value] of [1, 7200, 1800, 86_400, MAX_NEGATIVE_TTL].entries()) numbers.setUint32(i * 4, value)
  return Uint8Array.from([...zone, ...mail.subarray(0, -1), ...zone, ...new Uint8Array(numbers.buffer)])
}
