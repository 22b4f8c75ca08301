/** A connected UDP socket, as those who send and receive through it see it. There are two kinds: native and plain. */

/** Where a socket is bound, and what it is connected to. Addresses are literals. */
export interface Ends {
  readonly family: 4 | 6
  readonly localAddress: string
  readonly localPort: number
  readonly host: string
  readonly port: number
}

/** What a socket tells. `bytes` are valid during the call only. */
export interface DatagramEvents {
  message(bytes: Uint8Array, at: number, length: number): void
  /** The kernel said why datagrams do not arrive (ICMP, no route). The socket may be of no more use. */
  failed(cause: Error): void
}

export interface Datagrams {
  /** False once it has failed. */
  readonly usable: boolean
  /** Takes the first `length` octets of a message, to be sent when there are many, or at the next `flush`. */
  send(message: Uint8Array, length: number): void
  flush(): void
  close(): void
}
