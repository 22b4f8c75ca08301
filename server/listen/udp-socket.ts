/**
 * A UDP socket made through node:ffi: options, binding, errors by name, and the kernel's count of what it dropped.
 * Linux only. Reads and sends nothing.
 */
import { getSystemErrorName } from 'node:util'
import { AF_INET, AF_INET6, isWildcard, PORT_AT, SOCKADDR_IN6_BYTES, sockaddr } from './address.ts'
import type { Ffi } from './ffi.ts'
import { ListenError, type ListenerOptions } from './listener.ts'
import { sharesAddresses } from './share.ts'
import { SO_REUSEPORT, SO_SNDBUF, SOL_SOCKET, setOption } from './socket-options.ts'

const SOCK_DGRAM = 2
const SOCK_NONBLOCK = 0x800
const SOCK_CLOEXEC = 0x80000
const SO_RCVBUF = 8
const SO_SNDBUFFORCE = 32
const SO_RCVBUFFORCE = 33
const SO_MEMINFO = 55
const MEMINFO_WORDS = 9
const MEMINFO_DROPS = 8
const IPPROTO_IP = 0
const IP_MTU_DISCOVER = 10
const IP_PKTINFO = 8
const IP_PMTUDISC_OMIT = 5
const IPPROTO_IPV6 = 41
const IPV6_MTU_DISCOVER = 23
const IPV6_V6ONLY = 26
const IPV6_RECVPKTINFO = 49
const IPV6_PMTUDISC_OMIT = 5

/** Most octets that wait in the kernel: some 5,000 queries. */
const RECEIVE_BUFFER_BYTES = 4 << 20
const SEND_BUFFER_BYTES = 2 << 20

type SocketOptions = Pick<ListenerOptions, 'ipv6Only' | 'reusePort' | 'sockets' | 'fd'>

export class UdpSocket {
  readonly fd: number
  readonly family: 4 | 6
  readonly port: number
  /** Answers must name the address that was asked: the socket has more than one. */
  readonly isWildcard: boolean
  readonly #ffi: Ffi
  readonly #name: Uint8Array
  readonly #isLent: boolean
  readonly #isShared: boolean

  /**
   * Binds `address` ('' is every address, of both families where the kernel has IPv6), or uses the socket that another
   * thread has bound so (`fd`), which that one closes.
   * @throws ListenError
   */
  constructor(ffi: Ffi, address: string, port: number, options: SocketOptions = {}) {
    this.#ffi = ffi
    const name = sockaddr(address === '' ? '::' : address, port)
    if (name === undefined) throw new ListenError('udp', address, port, 'EINVAL')
    this.family = name[0] === AF_INET6 ? 6 : 4
    this.isWildcard = isWildcard(address)
    this.#name = name
    this.#isLent = options.fd !== undefined
    this.#isShared = (options.sockets ?? 1) > 1 || sharesAddresses()
    if (options.fd !== undefined) {
      this.fd = options.fd
      this.port = this.#boundPort()
      return
    }
    this.fd = ffi.socket(name[0]!, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC)
    if (this.fd < 0) throw new ListenError('udp', address, port, getSystemErrorName(-ffi.errno()))
    this.#setOptions(options.ipv6Only === true)
    if (options.reusePort === true) setOption(ffi, this.fd, SOL_SOCKET, SO_REUSEPORT, 1)
    if (ffi.calls.bind(this.fd, ffi.addressOf(copyOf(name)), name.length) !== 0) {
      const code = getSystemErrorName(-ffi.errno())
      this.close()
      throw new ListenError('udp', address, port, code)
    }
    this.port = this.#boundPort()
  }

  /** Messages that the kernel threw away because the buffer was full, since the socket was made. */
  droppedMessages(): number {
    const memory = new ArrayBuffer(MEMINFO_WORDS * 4)
    const size = Uint32Array.of(memory.byteLength)
    const { calls } = this.#ffi
    const failed = calls.getsockopt(
      this.fd,
      SOL_SOCKET,
      SO_MEMINFO,
      this.#ffi.addressOf(memory),
      this.#ffi.addressOf(size.buffer),
    )
    return failed ? 0 : new Uint32Array(memory)[MEMINFO_DROPS]!
  }

  /**
   * Takes no more from anybody: a socket for every address, or the others of its address, then get what comes for this
   * one. What waits stays.
   */
  retire(): void {
    if (this.isWildcard && !this.#isShared) return
    const loopback = this.family === 6 ? '::1' : '127.0.0.1'
    // Connected to itself, the kernel finds it for nobody else.
    const memory = copyOf(this.isWildcard ? sockaddr(loopback, this.port)! : this.#name)
    new DataView(memory).setUint16(PORT_AT, this.port)
    this.#ffi.calls.connect(this.fd, this.#ffi.addressOf(memory), this.#name.length)
  }

  close(): void {
    if (!this.#isLent) this.#ffi.close(this.fd)
  }

  #setOptions(ipv6Only: boolean): void {
    const set = (level: number, option: number, value: number) => setOption(this.#ffi, this.fd, level, option, value)
    if (!set(SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)) set(SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    if (!set(SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER_BYTES)) set(SOL_SOCKET, SO_SNDBUF, SEND_BUFFER_BYTES)
    set(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT) // forged path MTUs must not make us fragment (RFC 9715 §3.1)
    if (this.family === 6) {
      set(IPPROTO_IPV6, IPV6_V6ONLY, ipv6Only ? 1 : 0)
      set(IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT)
      if (this.isWildcard) set(IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
    } else if (this.isWildcard) set(IPPROTO_IP, IP_PKTINFO, 1)
  }

  #boundPort(): number {
    const memory = new ArrayBuffer(SOCKADDR_IN6_BYTES)
    const size = Uint32Array.of(memory.byteLength)
    this.#ffi.calls.getsockname(this.fd, this.#ffi.addressOf(memory), this.#ffi.addressOf(size.buffer))
    const view = new DataView(memory)
    const family = view.getUint16(0, true)
    return family === AF_INET || family === AF_INET6 ? view.getUint16(PORT_AT) : 0
  }
}

/** Memory that C may be given. */
function copyOf(octets: Uint8Array): ArrayBuffer {
  const memory = new ArrayBuffer(octets.length)
  new Uint8Array(memory).set(octets)
  return memory
}
