/** Messages on a stream: two octets of length, then the message (RFC 1035 §4.2.2). */

/** Messages with their lengths in front. */
export function framed(...messages: readonly Uint8Array[]): Buffer {
  return Buffer.concat(messages.flatMap(message => [Buffer.of(message.length >> 8, message.length & 255), message]))
}

/** A reader of a stream's chunks, however it is cut: `take` gets each message once it is whole. */
export function unframed(take: (message: Buffer) => void): (chunk: Uint8Array | string) => void {
  let rest = Buffer.alloc(0)
  return chunk => {
    rest = Buffer.concat([rest, chunk as Buffer])
    let at = 0
    while (rest.length - at >= 2 && rest.length - at - 2 >= rest.readUInt16BE(at)) {
      const end = at + 2 + rest.readUInt16BE(at)
      take(rest.subarray(at + 2, end))
      at = end
    }
    rest = rest.subarray(at)
  }
}
