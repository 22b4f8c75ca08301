/**
 * `transfer`: sends whole zones (AXFR, RFC 5936) to those who may have them. What is in a zone knows the stage that answers
 * for it; this one says who may ask, cuts the zone into messages, and bounds how many are on their way.
 *
 *   AXFR, IXFR? ─ no ─► next      UDP ─► REFUSED (IXFR: the SOA)    no apex ─► NOTAUTH
 *     └─► a rule's zone? ─ no ─► next    not in `to` ─► REFUSED     serial known ─► the SOA
 *                                                                   else SOA, records, SOA
 */
import { info } from '../../server/log.ts'
import { cells, counter, summedGauge } from '../../server/metrics.ts'
import {
  Answer,
  type Next,
  type Plugin,
  QUESTION,
  type Query,
  type Site,
  type Stage,
  type ZoneTransfer,
} from '../../server/plugin.ts'
import * as reply from '../../server/reply.ts'
import { EDE, RCODE, TYPE } from '../../server/wire/codes.ts'
import { isNewer, readSerial, serialOf } from './serial.ts'
import { type Rule, readRule } from './setup.ts'

const NAME = 'transfer'
/** Octets of a message's records without compression: half a millisecond's work, and what is added fits into 65,535. */
const MESSAGE_BYTES = 32_000
/** Zones on their way at a time. */
const MAX_TRANSFERS = 10

export const plugin: Plugin = {
  name: NAME,
  setup: (directive, site) =>
    new TransferStage(
      directive.map(occurrence => readRule(occurrence, site)),
      site,
    ),
}

let underWay = 0
const transfers = summedGauge('sextant_transfers', 'Zones on their way.')
transfers.onScrape(() => transfers.set(underWay))
const turnedAway = counter(
  'sextant_transfer_rejected_total',
  `Zone transfers refused as ${MAX_TRANSFERS} were on their way already.`,
)()

class TransferStage implements Stage {
  readonly #rules: readonly Rule[]
  readonly #site: Site
  /** Stages that have zones. */
  #sources: readonly Stage[] = []

  constructor(rules: readonly Rule[], site: Site) {
    this.#rules = rules
    this.#site = site
  }

  link(): void {
    this.#sources = this.#site.after(this).filter(stage => stage.transfer !== undefined)
  }

  handle(q: Query, next: Next): Answer | Promise<Answer> {
    if (q.qtype !== TYPE.AXFR && q.qtype !== TYPE.IXFR) return next(q)
    const rule = this.#ruleFor(q)
    if (rule === undefined) return next(q)
    if (!rule.allows(q.peer.address)) return reply.refused(q, EDE.PROHIBITED, 'zones are not for this client')
    // RFC 5936 §4.2; nor can an HTTP response hold more than one message (RFC 8484 §4.2)
    if (q.qtype === TYPE.AXFR)
      return takesParts(q) ? this.#transfer(q) : reply.refused(q, EDE.NOT_SUPPORTED, 'AXFR over TCP')
    const serial = readSerial(q)
    return serial === undefined ? reply.empty(q, RCODE.FORMERR) : this.#transfer(q, serial)
  }

  /** The rule with the longest zone that encloses the name. */
  #ruleFor(q: Query): Rule | undefined {
    let longest: Rule | undefined
    let label = q.labelCount + 1
    for (const rule of this.#rules) {
      if (rule.zones.match(q) < 0 || rule.zones.label >= label) continue
      longest = rule
      label = rule.zones.label
    }
    return longest
  }

  /** `serial` is what the client of an IXFR has. */
  #transfer(q: Query, serial?: number): Answer | Promise<Answer> {
    for (const source of this.#sources) {
      const zone = source.transfer!(q)
      if (zone === undefined) continue
      if (!zone.isCurrent) return reply.servfail(q, EDE.NOT_READY, undefined, 'the zone is not current')
      // RFC 1995 §2: over UDP, what does not fit is the SOA alone, and that does the client come back over TCP.
      if (serial !== undefined && (!takesParts(q) || !isNewer(zone.soa, serial))) return soaAlone(q, zone)
      if (underWay >= MAX_TRANSFERS) {
        cells[turnedAway]! += 1
        const error = new Error(`${MAX_TRANSFERS} zone transfers at a time, no more`)
        return reply.servfail(q, EDE.OTHER, error, 'too many zone transfers')
      }
      return begin(q, zone)
    }
    return reply.empty(q, RCODE.NOTAUTH) // RFC 5936 §2.2.1
  }
}

/** True if the client is sent several messages for its query. */
function takesParts({ stream, peer }: Query): boolean {
  return stream && peer.sendPart !== undefined
}

async function begin(q: Query, zone: ZoneTransfer): Promise<Answer> {
  underWay++
  try {
    await zone.prepare()
  } finally {
    underWay--
  }
  // An answer of its own: it grows to the size of a message, which those of queries, kept for the next ones, should not.
  const a = new Answer()
  a.messages = messagesOf(q, zone, a)
  return a
}

/** SOA, records, SOA, message by message (RFC 5936 §2.2). */
function* messagesOf(q: Query, zone: ZoneTransfer, a: Answer): Generator<void> {
  underWay++
  let records = 0
  let isWhole = false
  try {
    addSoa(a, zone)
    while (zone.fill(a, MESSAGE_BYTES)) {
      records += a.answer.count
      a.authoritative = true
      yield
      a.reset()
    }
    addSoa(a, zone)
    a.authoritative = true
    records += a.answer.count
    isWhole = true
  } finally {
    underWay--
    const what = isWhole ? 'outgoing transfer of' : 'outgoing transfer broken off after'
    info(NAME, `${what} ${records} records of zone ${q.qnameText} to ${q.peer.address}, serial ${serialOf(zone.soa)}`)
  }
}

function addSoa(a: Answer, zone: ZoneTransfer): void {
  a.answer.add(QUESTION, 0, TYPE.SOA, zone.soaTtl, zone.soa)
}

/** What a client that is up to date gets (RFC 1995 §2). */
function soaAlone(q: Query, zone: ZoneTransfer): Answer {
  const a = q.answer.reset()
  a.authoritative = true
  addSoa(a, zone)
  return a
}
