/** What holds of every reply, whatever it is a reply to. Read with dns-packet, which is not ours. */
import { decode } from 'dns-packet'
import { hold } from './target.ts'

const HEADER_BYTES = 12
const MIN_UDP_BYTES = 512
const MAX_UDP_BYTES = 1232
const MAX_AMPLIFICATION = 25

/**
 * Checks the reply of `length` octets at `at` to `message`.
 * @returns what kind of reply it is: rcode, flags, how many records of which section
 * @throws Broken
 */
export function checkReply(
  message: Uint8Array,
  bytes: Uint8Array,
  at: number,
  length: number,
  isStream: boolean,
): string {
  const isDropped = message.length < HEADER_BYTES || (message[2]! & 0x80) !== 0
  if (isDropped) {
    hold(length === 0, 'a response, or what is no message, was answered')
    return 'dropped'
  }
  hold(length >= HEADER_BYTES, 'a query was not answered')
  const limit = Math.max(MIN_UDP_BYTES, Math.min(MAX_UDP_BYTES, MAX_AMPLIFICATION * message.length))
  hold(isStream || length <= limit, 'a datagram is longer than its query is worth')
  hold(bytes[at] === message[0] && bytes[at + 1] === message[1], 'a reply has another id')
  hold((bytes[at + 2]! & 0xf8) === (0x80 | (message[2]! & 0x78)), 'a reply is no response, or of another opcode')
  hold((bytes[at + 3]! & 0x40) === 0, 'a reply has the bit Z set')
  const counts = [4, 6, 8, 10].map(field => (bytes[at + field]! << 8) | bytes[at + field + 1]!)
  const isBare = counts.every(one => one === 0)
  if (isBare) hold(length === HEADER_BYTES, 'a header is followed by octets that it does not count')
  else checkSections(message, Buffer.from(bytes.subarray(at, at + length)), counts)
  const flags = bytes[at + 2]! & 7
  const sizes = counts.map(one => (one > 2 ? 'n' : one)).join('')
  return `${isStream ? 'stream' : 'datagram'} ${bytes[at + 3]! & 15} ${flags} ${sizes}`
}

function checkSections(message: Uint8Array, reply: Buffer, counts: readonly number[]): void {
  const { questions = [], answers = [], authorities = [], additionals = [] } = decode(reply)
  const found = [questions, answers, authorities, additionals].map(section => section.length)
  hold(
    found.every((one, i) => one === counts[i]),
    'a section has another number of records than the header says',
  )
  hold(questions.length === 1, 'a reply has not one question')
  hold(decode.bytes === reply.length, 'a reply has octets behind its last record')
  for (let i = HEADER_BYTES, end = questionEnd(reply); i < end; i++)
    hold(reply[i] === message[i], 'a reply has another question')
}

function questionEnd(message: Uint8Array): number {
  let at = HEADER_BYTES
  while (message[at]! > 0) at += message[at]! + 1
  return at + 5
}
