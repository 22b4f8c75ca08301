/**
 * HTTP/2 by hand (RFC 9113 §4.1), for clients that no library would be: frames, header blocks without compression, and what
 * comes back.
 */
import type { TLSSocket } from 'node:tls'

export const FRAME = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  CONTINUATION: 9,
}
export const END_STREAM = 1
export const END_HEADERS = 4
const HEAD_BYTES = 9

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** A header field as a literal that is not indexed (RFC 7541 §6.2.2). */
export function field(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0), lengthened(name), lengthened(value)])
}

function lengthened(text: string): Buffer {
  const octets = Buffer.from(text)
  if (octets.length < 127) return Buffer.concat([Buffer.of(octets.length), octets])
  const prefix = [127]
  let rest = octets.length - 127
  for (; rest >= 128; rest >>= 7) prefix.push((rest & 127) | 128)
  return Buffer.concat([Buffer.of(...prefix, rest), octets])
}

/** The header block of a request. */
export function requestHead(method: string, path: string, ...more: Buffer[]): Buffer {
  const pseudo = { ':method': method, ':scheme': 'https', ':authority': 'localhost', ':path': path }
  return Buffer.concat([...Object.entries(pseudo).map(([name, value]) => field(name, value)), ...more])
}

/** A connection with the preface sent, and the frames that come. */
export class FrameClient {
  readonly socket: TLSSocket
  /** How many frames of each type came. */
  readonly came = new Map<number, number>()
  readonly ended: Promise<void>
  hasEnded = false
  #rest = Buffer.alloc(0)

  constructor(socket: TLSSocket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('data', chunk => this.#read(chunk as Buffer))
    this.ended = new Promise(resolve => {
      socket.once('close', () => {
        this.hasEnded = true
        resolve()
      })
    })
    this.send(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(FRAME.SETTINGS, 0, 0))
  }

  send(...octets: Uint8Array[]): void {
    this.socket.write(Buffer.concat(octets))
  }

  #read(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk])
    while (this.#rest.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + this.#rest.readUIntBE(0, 3)
      if (this.#rest.length < end) return
      const type = this.#rest[3]!
      this.came.set(type, (this.came.get(type) ?? 0) + 1)
      this.#rest = this.#rest.subarray(end)
    }
  }
}
