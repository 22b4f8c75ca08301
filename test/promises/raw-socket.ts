/** Datagrams with any source: a raw IPv4 socket through C (64-bit Linux; root of the network namespace). */
import { sockaddr } from '../../server/listen/address.ts'
import { loadCalls } from '../../server/listen/ffi.ts'

const SIGNATURES = {
  socket: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
  sendto: { arguments: ['i32', 'pointer', 'u64', 'i32', 'pointer', 'u32'], return: 'i64' },
  close: { arguments: ['i32'], return: 'i32' },
} as const

const AF_INET = 2
const SOCK_RAW = 3
const IPPROTO_RAW = 255 // the IP header comes from us
const IPPROTO_UDP = 17
const IP_BYTES = 20
const UDP_BYTES = 8

export interface Place {
  /** IPv4, as text. */
  readonly address: string
  readonly port: number
}

export class RawSocket {
  readonly #ffi = loadFfi()
  readonly #calls = this.#ffi.dlopen(null, SIGNATURES).functions
  readonly #fd = this.#calls.socket(AF_INET, SOCK_RAW, IPPROTO_RAW)

  constructor() {
    if (this.#fd < 0) throw new Error('no raw socket, expected to be root of this network namespace')
  }

  /** Something to be sent over and over: `message` in a datagram from `from` to `to`. */
  prepare(message: Uint8Array, from: Place, to: Place): () => boolean {
    const packet = new Uint8Array(IP_BYTES + UDP_BYTES + message.length)
    const view = new DataView(packet.buffer)
    // RFC 791 §3.1: the kernel fills in length, id and checksum. RFC 768: no checksum.
    packet.set([0x45, 0, 0, 0, 0, 0, 0, 0, 64, IPPROTO_UDP])
    packet.set(from.address.split('.').map(Number), 12)
    packet.set(to.address.split('.').map(Number), 16)
    view.setUint16(IP_BYTES, from.port)
    view.setUint16(IP_BYTES + 2, to.port)
    view.setUint16(IP_BYTES + 4, UDP_BYTES + message.length)
    packet.set(message, IP_BYTES + UDP_BYTES)
    const name = new Uint8Array(sockaddr(to.address, 0)!)
    const [packetAt, nameAt] = [packet, name].map(({ buffer }) => this.#ffi.getRawPointer(buffer)) as [bigint, bigint]
    return () => {
      const sent = this.#calls.sendto(this.#fd, packetAt, BigInt(packet.length), 0, nameAt, name.length)
      return Number(sent) === packet.length // both are alive as long as this function is
    }
  }

  close(): void {
    this.#calls.close(this.#fd)
  }
}

function loadFfi() {
  // The server's way to it keeps the warning quiet that node:ffi is experimental.
  if (loadCalls() === undefined) throw new Error('node:ffi is not to be had, expected Node 26 on Linux')
  return process.getBuiltinModule('node:ffi')
}
