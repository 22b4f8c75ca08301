/**
 * The line that `log` writes: a format with placeholders, cut into pieces once, so that a line is one pass over them.
 * Also the same facts as fields, for JSON.
 */
import type { Answer, MetadataReader, Query } from '../../server/plugin.ts'
import { className, FLAG, rcodeName, typeName } from '../../server/wire/codes.ts'

const COMMON =
  '{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" {rcode} {>rflags} {rsize} {duration}'
const COMBINED = `${COMMON} "{>opcode}"`
const NO_VALUE = '-'

/** Text of one query, its answer, and the octets of its reply. */
export type Format = (q: Query, a: Answer, octets: number) => string

const PLACEHOLDERS = new Map<string, Format>([
  ['{type}', q => typeName(q.qtype)],
  ['{name}', q => q.qnameText],
  ['{class}', q => className(q.qclass)],
  ['{proto}', protocol],
  ['{size}', q => `${q.length}`],
  ['{remote}', q => bracketed(q.peer.address)],
  ['{port}', q => `${q.peer.port}`],
  ['{local}', q => bracketed(q.peer.localAddress)],
  ['{>id}', q => `${q.id}`],
  ['{>opcode}', q => `${q.opcode}`],
  ['{>do}', q => (q.dnssecOk ? 'true' : 'false')],
  ['{>bufsize}', q => `${bufferSize(q)}`],
  ['{rcode}', (_, a) => rcodeName(a.rcode)],
  ['{rsize}', (_, __, octets) => `${octets}`],
  ['{duration}', q => `${decimalSeconds(performance.now() - q.receivedAtMs)}s`],
  ['{>rflags}', replyFlags],
])

/** The metadata labels that a format has placeholders for, such as `{/kubernetes/service}`. */
export function metadataLabels(text: string): string[] {
  return piecesOf(text).flatMap(piece => (piece.startsWith('{/') ? [piece.slice(2, -1)] : []))
}

/**
 * The format that a Corefile asks for, `{common}` without a text. Unknown braces stay as they are. `metadata` tells how to
 * read a metadata label, undefined if nobody knows it.
 */
export function compileFormat(
  text = '{common}',
  metadata: (label: string) => MetadataReader | undefined = () => undefined,
): Format {
  const whole = text.replaceAll('{common}', COMMON).replaceAll('{combined}', COMBINED)
  const pieces = piecesOf(whole).map(piece =>
    piece.startsWith('{/') ? metadataValue(metadata(piece.slice(2, -1))) : (PLACEHOLDERS.get(piece) ?? piece),
  )
  return (q, a, octets) => {
    let line = ''
    for (let i = 0; i < pieces.length; i++) {
      const piece = pieces[i]!
      line += typeof piece === 'string' ? piece : piece(q, a, octets)
    }
    return line
  }
}

/** Placeholders and what stands between them. */
function piecesOf(text: string): string[] {
  return text.split(/(\{[^{}]*\})/).filter(piece => piece !== '')
}

function metadataValue(read: MetadataReader | undefined): Format {
  return read === undefined ? () => NO_VALUE : (q, a) => read(q, a) ?? NO_VALUE
}

/**
 * The fields of a JSON line. One object for all lines: what reads it takes the values of the query that was set last,
 * and a log in text, which reads none of them, pays for none.
 */
export class Fields {
  #q!: Query
  #a!: Answer
  #octets = 0
  readonly #fields: Record<string, unknown>

  constructor() {
    const fields = {}
    const getters: Record<string, () => unknown> = {
      plugin: () => 'log',
      client_ip: () => this.#q.peer.address,
      client_port: () => this.#q.peer.port,
      qname: () => this.#q.qnameText,
      qtype: () => typeName(this.#q.qtype),
      qclass: () => className(this.#q.qclass),
      protocol: () => protocol(this.#q),
      id: () => this.#q.id,
      opcode: () => this.#q.opcode,
      request_size: () => this.#q.length,
      dnssec_ok: () => this.#q.dnssecOk,
      bufsize: () => bufferSize(this.#q),
      rcode: () => rcodeName(this.#a.rcode),
      response_size: () => this.#octets,
      duration_seconds: () => Number(decimalSeconds(performance.now() - this.#q.receivedAtMs)),
    }
    for (const [name, get] of Object.entries(getters)) Object.defineProperty(fields, name, { get, enumerable: true })
    this.#fields = fields
  }

  of(q: Query, a: Answer, octets: number): Record<string, unknown> {
    this.#q = q
    this.#a = a
    this.#octets = octets
    return this.#fields
  }
}

function protocol(q: Query): string {
  return q.stream ? 'tcp' : 'udp'
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}

/** What the client takes: no limit over TCP, at least 512 over UDP. */
function bufferSize(q: Query): number {
  if (q.stream) return 65_535
  return Math.max(512, q.udpSize)
}

/** Milliseconds as seconds with nine digits at most, never with an exponent. */
function decimalSeconds(durationMs: number): string {
  const nanos = Math.max(0, Math.round(durationMs * 1e6))
  const whole = Math.floor(nanos / 1e9)
  const fraction = String(nanos - whole * 1e9)
    .padStart(9, '0')
    .replace(/0+$/, '')
  return fraction === '' ? `${whole}` : `${whole}.${fraction}`
}

function replyFlags(q: Query, a: Answer): string {
  let text = 'qr'
  if (a.authoritative) text += ',aa'
  if (a.truncated) text += ',tc'
  if ((q.flags & FLAG.RD) !== 0) text += ',rd'
  if (q.routes?.recursionAvailable) text += ',ra'
  if ((q.flags & FLAG.CD) !== 0) text += ',cd'
  return text
}
