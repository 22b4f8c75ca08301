/**
 * The counters of the queries of one listener and zone: which cells they are is worked out once, so that counting a query
 * is a handful of additions. Cells of rare label values are registered when they first occur.
 */
import { cells, counter, type Histogram, histogram, TIME_BOUNDS } from '../../server/metrics.ts'
import type { Answer, Query } from '../../server/plugin.ts'
import { rcodeName, typeCode } from '../../server/wire/codes.ts'

const BYTES_BOUNDS = [0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16e3, 32e3, 48e3, 64e3]
const BY_ZONE = ['server', 'zone', 'view']
const BY_PROTO = [...BY_ZONE, 'proto']

const requests = counter('coredns_dns_requests_total', 'DNS queries.', ...BY_PROTO, 'family', 'type')
const durations = histogram('coredns_dns_request_duration_seconds', 'Time to answer.', TIME_BOUNDS, ...BY_ZONE)
const requestSizes = histogram('coredns_dns_request_size_bytes', 'Octets of queries.', BYTES_BOUNDS, ...BY_PROTO)
const responseSizes = histogram('coredns_dns_response_size_bytes', 'Octets of replies.', BYTES_BOUNDS, ...BY_PROTO)
const dnssecOks = counter('coredns_dns_do_requests_total', 'Queries with the DO bit.', ...BY_ZONE)
const responses = counter('coredns_dns_responses_total', 'Replies.', ...BY_ZONE, 'rcode', 'plugin')

/** Types with a label value of their own; index 0 is all the others. */
const TYPE_LABELS =
  'other A AAAA CNAME DNSKEY DS MX NSEC NSEC3 NS PTR RRSIG SOA SRV TXT HTTPS SVCB IXFR AXFR ANY'.split(' ')
const TYPE_INDEX = new Uint8Array(256)
for (const [i, label] of TYPE_LABELS.entries()) if (i > 0) TYPE_INDEX[typeCode(label)!] = i

const PROTOS = ['udp', 'tcp'] as const
const FAMILIES = ['1', '2'] as const // IANA address family numbers
const COMMON_RCODES = 32

/**
 * Looking at the clock costs as much as all the rest: queries of one batch that did not wait share a look, some at a time,
 * which keeps the error far below the first bucket.
 */
const MAX_SHARING = 8
let lookedAtMs = 0
let batchOfLookMs = 0
let sharing = 0

interface Sizes {
  readonly request: Histogram
  readonly response: Histogram
}

export class Series {
  /** Values of server, zone and view. */
  readonly #labels: readonly string[]
  /** The block's plugins, in chain order. */
  readonly #plugins: readonly string[]
  /** Cell by type index, protocol and family; 0 until it is needed. */
  readonly #requests = new Int32Array(TYPE_LABELS.length * 4)
  /** Cell by stage (the first for none) and rcode; 0 until it is needed. */
  readonly #responses: Int32Array
  readonly #sizes: (Sizes | undefined)[] = [undefined, undefined]
  readonly #duration: Histogram
  #dnssecOk = 0

  constructor(server: string, zone: string, view: string, plugins: readonly string[]) {
    this.#labels = [server, zone, view]
    this.#plugins = plugins
    this.#responses = new Int32Array((plugins.length + 1) * COMMON_RCODES)
    this.#duration = durations(...this.#labels)
  }

  observe(q: Query, a: Answer, octets: number): void {
    const proto = q.stream ? 1 : 0
    const type = q.qtype < 256 ? TYPE_INDEX[q.qtype]! : 0
    const index = (type << 2) | (proto << 1) | (q.peer.family === 6 ? 1 : 0)
    cells[this.#requests[index]! || this.#requestCell(index)]! += 1
    const { rcode } = a
    const response = (q.stage + 1) * COMMON_RCODES + rcode
    cells[(rcode < COMMON_RCODES && this.#responses[response]!) || this.#responseCell(rcode, q.stage)]! += 1
    if (q.dnssecOk) cells[this.#dnssecOk || this.#dnssecOkCell()]! += 1
    const sizes = this.#sizes[proto] ?? this.#sizesOf(proto)
    sizes.request.observe(q.length)
    sizes.response.observe(octets)
    this.#duration.observe((answeredAtMs(q) - q.receivedAtMs) / 1000)
  }

  #requestCell(index: number): number {
    const cell = requests(...this.#labels, PROTOS[(index >> 1) & 1]!, FAMILIES[index & 1]!, TYPE_LABELS[index >> 2]!)
    this.#requests[index] = cell
    return cell
  }

  #responseCell(rcode: number, stage: number): number {
    // CoreDNS: the label names whatever plugin follows prometheus. Ours names the one that answered.
    const cell = responses(...this.#labels, rcodeName(rcode), this.#plugins[stage] ?? '')
    if (rcode < COMMON_RCODES) this.#responses[(stage + 1) * COMMON_RCODES + rcode] = cell
    return cell
  }

  #dnssecOkCell(): number {
    this.#dnssecOk = dnssecOks(...this.#labels)
    return this.#dnssecOk
  }

  #sizesOf(proto: number): Sizes {
    const labels = [...this.#labels, PROTOS[proto]!]
    const sizes = { request: requestSizes(...labels), response: responseSizes(...labels) }
    this.#sizes[proto] = sizes
    return sizes
  }
}

/** When the query was answered, give or take a few queries. */
function answeredAtMs(q: Query): number {
  if (!q.waited && q.receivedAtMs === batchOfLookMs && ++sharing < MAX_SHARING) return lookedAtMs
  sharing = 0
  batchOfLookMs = q.waited ? -1 : q.receivedAtMs
  lookedAtMs = performance.now()
  return lookedAtMs
}
