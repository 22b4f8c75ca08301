/**
 * Messages as a capture that other programs read: a pcap file of raw IPv4 packets, UDP datagrams and whole TCP connections between
 * one client and one server.
 *
 *   file header (24) | packet header (16), IPv4 (20), UDP (8) or TCP (20), payload | …
 */
import { framed } from '../harness/frames.ts'

const LINKTYPE_RAW = 101
const CLIENT = [192, 0, 2, 1] // RFC 5737
const SERVER = [192, 0, 2, 53]
const DNS_PORT = 53
const FIRST_CLIENT_PORT = 20_000
const SEGMENT_BYTES = 1400
const UDP = 17
const TCP = 6
const SYN = 0x02
const PSH = 0x08
const ACK = 0x10

/** Octets that go one way. */
export interface Part {
  readonly toServer: boolean
  readonly message: Uint8Array
}

export class Capture {
  readonly #packets: Buffer[] = [fileHeader()]
  #frames = 0

  /** A query and its reply in a datagram each. Returns the frame of the last. */
  datagrams(parts: readonly Part[]): number {
    const port = this.#port()
    for (const { toServer, message } of parts) {
      const udp = Buffer.alloc(8)
      udp.writeUInt16BE(toServer ? port : DNS_PORT, 0)
      udp.writeUInt16BE(toServer ? DNS_PORT : port, 2)
      udp.writeUInt16BE(8 + message.length, 4)
      this.#add(toServer, UDP, Buffer.concat([udp, message]))
    }
    return this.#frames
  }

  /** A connection: its handshake, then each message behind its length. Returns the frames in which messages end. */
  connection(parts: readonly Part[]): number[] {
    const port = this.#port()
    const sent = [1000, 5000] // sequence numbers of server and client
    const segment = (toServer: boolean, flags: number, data: Uint8Array) => {
      const [own, other] = toServer ? [1, 0] : [0, 1]
      const tcp = Buffer.alloc(20)
      tcp.writeUInt16BE(toServer ? port : DNS_PORT, 0)
      tcp.writeUInt16BE(toServer ? DNS_PORT : port, 2)
      tcp.writeUInt32BE(sent[own]!, 4)
      tcp.writeUInt32BE((flags & ACK) !== 0 ? sent[other]! : 0, 8)
      tcp[12] = 5 << 4
      tcp[13] = flags
      tcp.writeUInt16BE(0xffff, 14)
      sent[own]! += data.length + (flags & SYN ? 1 : 0)
      this.#add(toServer, TCP, Buffer.concat([tcp, data]))
    }
    const nothing = new Uint8Array()
    segment(true, SYN, nothing)
    segment(false, SYN | ACK, nothing)
    segment(true, ACK, nothing)
    return parts.map(({ toServer, message }) => {
      const stream = framed(message)
      for (let at = 0; at < stream.length; at += SEGMENT_BYTES) {
        segment(toServer, PSH | ACK, stream.subarray(at, at + SEGMENT_BYTES))
      }
      const end = this.#frames
      segment(!toServer, ACK, nothing)
      return end
    })
  }

  /** The file. */
  bytes(): Buffer {
    return Buffer.concat(this.#packets)
  }

  #port(): number {
    return FIRST_CLIENT_PORT + this.#frames
  }

  #add(toServer: boolean, protocol: number, payload: Uint8Array): void {
    const ip = Buffer.alloc(20)
    ip[0] = 0x45
    ip.writeUInt16BE(20 + payload.length, 2)
    ip.writeUInt16BE(this.#frames & 0xffff, 4)
    ip[8] = 64
    ip[9] = protocol
    ip.set(toServer ? CLIENT : SERVER, 12)
    ip.set(toServer ? SERVER : CLIENT, 16)
    const head = Buffer.alloc(16)
    head.writeUInt32LE(1 + Math.floor(this.#frames / 1000), 0) // a millisecond a frame
    head.writeUInt32LE((this.#frames % 1000) * 1000, 4)
    head.writeUInt32LE(ip.length + payload.length, 8)
    head.writeUInt32LE(ip.length + payload.length, 12)
    this.#packets.push(head, ip, Buffer.from(payload))
    this.#frames++
  }
}

function fileHeader(): Buffer {
  const header = Buffer.alloc(24)
  header.writeUInt32LE(0xa1b2c3d4, 0)
  header.writeUInt16LE(2, 4)
  header.writeUInt16LE(4, 6)
  header.writeUInt32LE(0x40000, 16)
  header.writeUInt32LE(LINKTYPE_RAW, 20)
  return header
}
