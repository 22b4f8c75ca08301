/**
 * A scripted name server on loopback, UDP and TCP (or TLS) on one port: what it does to each query is a function of the query.
 * It can answer, delay, drop, forge ids and questions, send garbage, truncate, and close in the middle of a reply.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { type Answer, type DecodedPacket, decode, encode, type Packet } from 'dns-packet'
import { framed, unframed } from './frames.ts'

export type Transport = 'udp' | 'tcp' | 'tls' | 'h1' | 'h2'

/** A query as the upstream saw it. */
export interface Asked {
  readonly transport: Transport
  /** In lower case. */
  readonly name: string
  /** The name as it was spelled. */
  readonly spelled: string
  readonly type: string
  readonly id: number
  readonly rd: boolean
  readonly cd: boolean
  readonly ad: boolean
  /** The OPT's UDP size; undefined without OPT. */
  readonly edns: number | undefined
  readonly dnssecOk: boolean
  /** Codes of the OPT's options. */
  readonly options: readonly number[]
  /** The client's port. */
  readonly port: number
  /** How many queries with this name and type came before. */
  readonly nth: number
  readonly packet: DecodedPacket
  /** The query as it came: `name` does not tell a dot in a label from one between labels. */
  readonly octets: Uint8Array
}

/** One thing to do. `send` after `afterMs`; Over TCP only: `part` sends the first octets, `close` ends the connection. */
export type Act =
  | { readonly send: Uint8Array; readonly afterMs?: number }
  | { readonly part: Uint8Array; readonly octets: number }
  | { readonly close: true }

/** What to do with a query: nothing at all is a drop. */
export type Script = (asked: Asked) => Uint8Array | Act | readonly (Uint8Array | Act)[] | undefined

export interface ReplyOptions {
  rcode?: string
  tc?: boolean
  aa?: boolean
  id?: number
  /** Another question than was asked; `none` for no question at all. */
  question?: string
  /** QR=0: looks like a query. */
  qr?: boolean
  authority?: readonly string[]
  additional?: readonly string[]
  edns?: boolean
}

const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED', 'YXDOMAIN']

/** A reply to `asked` with records written as `name ttl TYPE data`. */
export function answer(asked: Asked, records: readonly string[], options: ReplyOptions = {}): Uint8Array {
  const { rcode = 'NOERROR', tc = false, aa = false, id = asked.id, question = asked.spelled, qr = true } = options
  const questions = question === 'none' ? [] : [{ name: question, type: asked.type, class: 'IN' }]
  const opt = { type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, options: [] }
  const octets = encode({
    type: qr ? 'response' : 'query',
    id,
    flags: 0x180 | (tc ? 0x200 : 0) | (aa ? 0x400 : 0) | RCODES.indexOf(rcode),
    questions,
    answers: records.map(record),
    authorities: (options.authority ?? []).map(record),
    additionals: [...(options.additional ?? []).map(record), ...(options.edns ? [opt] : [])],
  } as unknown as Packet)
  octets[3] = (octets[3]! & 0xf0) | RCODES.indexOf(rcode)
  return octets
}

/** `www.example. 300 A 192.0.2.1` → dns-packet's form. */
function record(text: string): Answer {
  const [owner = '', ttl = '', type = '', ...data] = text.split(' ')
  const name = owner.replace(/\.$/, '') || '.'
  const host = (at: number) => data[at]!.replace(/\.$/, '')
  const number = (at: number) => Number(data[at])
  const value = () => {
    switch (type) {
      case 'SRV':
        return { priority: number(0), weight: number(1), port: number(2), target: host(3) }
      case 'MX':
        return { preference: number(0), exchange: host(1) }
      case 'SOA': {
        const [serial, refresh, retry, expire, minimum] = [2, 3, 4, 5, 6].map(number)
        return { mname: host(0), rname: host(1), serial, refresh, retry, expire, minimum }
      }
      case 'CNAME':
      case 'NS':
      case 'PTR':
      case 'DNAME':
        return host(0)
      case 'TXT':
        return data.join(' ')
      default:
        return data[0]
    }
  }
  return { name, type, ttl: Number(ttl), class: 'IN', data: value() } as Answer
}

export class FakeUpstream {
  readonly asked: Asked[] = []
  readonly port: number
  /** Connections accepted so far, with TLS those whose handshake is over. */
  connections = 0
  /** TLS connections whose handshake is over. */
  readonly handshakes: Handshake[] = []
  script: Script
  readonly #udp: UdpSocket
  readonly #tcp: Server
  readonly #open = new Set<Socket>()
  /** What TLS runs over. */
  readonly #below = new Set<Socket>()
  readonly #reader = new QueryReader()
  #closed = false

  constructor(script: Script, udp: UdpSocket, tcp: Server, isTls: boolean) {
    this.script = script
    this.#udp = udp
    this.#tcp = tcp
    this.port = udp.address().port
    udp.on('message', (message, peer) => {
      for (const act of this.#acts(message, 'udp', peer.port)) {
        if ('send' in act) {
          later(act.afterMs, () => {
            if (!this.#closed) udp.send(act.send, peer.port, peer.address, () => {})
          })
        }
      }
    })
    if (!isTls) tcp.on('connection', socket => this.#serve(socket, 'tcp'))
    else {
      tcp.on('connection', socket => keep(socket, this.#below))
      tcp.on('tlsClientError', () => {})
      tcp.on('secureConnection', (socket: TLSSocket) => {
        this.handshakes.push(handshakeOf(socket))
        this.#serve(socket, 'tls')
      })
    }
  }

  /** `127.0.0.1:PORT` */
  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Names asked for, with transport: `udp www.example. A`. */
  get log(): string[] {
    return this.asked.map(one => `${one.transport} ${one.name} ${one.type}`)
  }

  /** TCP connections that are open. */
  get open(): number {
    return this.#open.size
  }

  /** Sends a datagram that nobody asked for, from the upstream's own address. */
  volunteer(message: Uint8Array, port: number): void {
    this.#udp.send(message, port, '127.0.0.1', () => {})
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const socket of [...this.#open, ...this.#below]) socket.destroy()
    this.#tcp.close()
    this.#udp.close()
    await once(this.#udp, 'close')
  }

  /** Closes all TCP connections as a server does whose idle time is over. */
  closeConnections(): void {
    for (const socket of this.#open) socket.end()
  }

  #serve(socket: Socket, transport: Transport): void {
    this.connections++
    keep(socket, this.#open)
    const read = unframed(message => {
      for (const act of this.#acts(message, transport, socket.remotePort ?? 0)) this.#act(socket, act)
    })
    socket.on('data', read)
  }

  #act(socket: Socket, act: Act): void {
    if ('close' in act) socket.end()
    else if ('part' in act) socket.write(framed(act.part).subarray(0, act.octets))
    else later(act.afterMs, () => socket.write(framed(act.send)))
  }

  #acts(message: Buffer, transport: Transport, port: number): readonly Act[] {
    const asked = this.#reader.read(message, transport, port)
    this.asked.push(asked)
    const acts = this.script(asked)
    if (acts === undefined) return []
    const list = Array.isArray(acts) ? acts : [acts]
    return list.map(act => (act instanceof Uint8Array ? { send: act } : act))
  }
}

/** What a TLS handshake came to, as the server sees it. */
export interface Handshake {
  /** The name that the client asked for (SNI); false without one. */
  readonly servername: string | false
  readonly resumed: boolean
  readonly protocol: string | null
  /** Common name of the client's certificate. */
  readonly client: string | undefined
}

export function handshakeOf(socket: TLSSocket): Handshake {
  const { CN } = socket.getPeerCertificate().subject ?? {}
  return {
    servername: (socket as TLSSocket & { servername?: string }).servername ?? false,
    resumed: socket.isSessionReused(),
    protocol: socket.getProtocol(),
    client: typeof CN === 'string' ? CN : undefined,
  }
}

/** Reads queries, and counts those that are the same. */
export class QueryReader {
  readonly #seen = new Map<string, number>()

  read(message: Buffer, transport: Transport, port: number): Asked {
    const packet = decode(message)
    const { name: spelled, type } = packet.questions![0]!
    const name = spelled.toLowerCase()
    const flags = message.readUInt16BE(2)
    const opt = packet.additionals?.find(one => one.type === 'OPT') as
      | { udpPayloadSize: number; flag_do: boolean; options: { code: number }[] }
      | undefined
    const key = `${name} ${type}`
    const nth = this.#seen.get(key) ?? 0
    this.#seen.set(key, nth + 1)
    return {
      transport,
      name: name === '.' ? '.' : `${name}.`,
      spelled: spelled === '.' ? '.' : `${spelled}.`,
      type,
      id: packet.id!,
      rd: (flags & 0x100) !== 0,
      cd: (flags & 0x10) !== 0,
      ad: (flags & 0x20) !== 0,
      edns: opt?.udpPayloadSize,
      dnssecOk: opt?.flag_do ?? false,
      options: opt?.options.map(option => option.code) ?? [],
      port,
      nth,
      packet,
      octets: message,
    }
  }
}

function keep(socket: Socket, among: Set<Socket>): void {
  among.add(socket)
  socket.on('close', () => among.delete(socket))
  socket.on('error', () => socket.destroy())
}

function later(afterMs: number | undefined, run: () => void): void {
  if (afterMs === undefined) run()
  else setTimeout(run, afterMs)
}

/** Starts one on a free port of 127.0.0.1; with `tls` its TCP is TLS. */
export async function fakeUpstream(script: Script, tls?: TlsOptions): Promise<FakeUpstream> {
  for (let tries = 0; ; tries++) {
    const options = { noDelay: true } // else the harness waits 40 ms for acknowledgements
    const tcp = (tls === undefined ? createServer(options) : createTlsServer({ ...options, ...tls })).listen(
      0,
      '127.0.0.1',
    )
    await once(tcp, 'listening')
    const udp = createSocket('udp4')
    const isBound = await new Promise<boolean>(resolve => {
      udp.once('error', () => resolve(false)) // another socket has the port for UDP
      udp.bind((tcp.address() as { port: number }).port, '127.0.0.1', () => resolve(true))
    })
    if (isBound) return new FakeUpstream(script, udp, tcp, tls !== undefined)
    udp.close()
    tcp.close()
    if (tries === 10) throw new Error('no port is free for both UDP and TCP')
  }
}

/** A port of 127.0.0.1 that nobody listens on. */
export async function closedPort(): Promise<number> {
  const upstream = await fakeUpstream(() => undefined)
  await upstream.close()
  return upstream.port
}
