/** Questions as octets, and as the files that load generators read. */
import { writeFileSync } from 'node:fs'
import { encode, type Packet } from 'dns-packet'

export interface Asked {
  readonly name: string
  readonly type: string
}

/** A query with RD, id 0, and an OPT that offers `ednsBytes` if that is given. */
export function messageOf({ name, type }: Asked, ednsBytes?: number): Buffer {
  const opt = { type: 'OPT', name: '.', udpPayloadSize: ednsBytes, flags: 0, options: [] }
  const packet = {
    type: 'query',
    id: 0,
    flags: 0x100,
    questions: [{ name, type, class: 'IN' }],
    ...(ednsBytes !== undefined && { additionals: [opt] }),
  }
  return encode(packet as unknown as Packet)
}

/** `NAME TYPE` a line, for dnsperf and the client that keeps a pace. */
export function writeQuestions(file: string, questions: readonly Asked[]): void {
  writeFileSync(file, questions.map(({ name, type }) => `${name} ${type}\n`).join(''))
}

/** Whole messages, each behind its length in two octets, for `dnsperf -B`. */
export function writeMessages(file: string, questions: readonly Asked[], ednsBytes: number): void {
  const framed = questions.map(question => {
    const message = messageOf(question, ednsBytes)
    const length = Buffer.alloc(2)
    length.writeUInt16BE(message.length)
    return Buffer.concat([length, message])
  })
  writeFileSync(file, Buffer.concat(framed))
}
