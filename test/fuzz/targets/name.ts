/** Names: as text in a Corefile or an object, and as octets in a message. */
import { equalOctets, MAX_NAME_BYTES, nameFromText, nameToText } from '../../../server/wire/name.ts'
import { skipName } from '../../../server/wire/query.ts'
import { hexWords, hold, type Outcome, type Target, textSeed, textWords } from '../target.ts'

export const target: Target = {
  name: 'name',
  isText: false,
  bound: { base: 100, perOctet: 20 },
  maxBytes: 600,
  words: [
    ...textWords('.', '\\', '\\000', '\\255', '\\256', '..', '*.', 'a.'),
    ...hexWords('c000', '3f', '40', '80', '00'),
  ],
  seeds: [
    textSeed('text', 'Kubernetes.default.svc.cluster.local.'),
    textSeed('escapes', 'a\\.b\\032\\\\.c\\127d.'),
    textSeed('longest-label', `${'x'.repeat(63)}.y`),
    textSeed('longest-name', `${'abcdefg.'.repeat(31)}abcde`),
    textSeed('root', '.'),
    textSeed('letters-beyond-ascii', 'münchen.例え.test'),
    { label: 'wire', octets: Buffer.from('\x03www\x07example\0', 'latin1') },
    { label: 'pointer', octets: Buffer.from('\x03www\xc0\x00', 'latin1') },
  ],
  run(octets): Outcome {
    const end = skipName(octets, 0, octets.length)
    hold(end >= -1 && end <= octets.length, 'a name ends behind its message')
    return { kind: `${readText(Buffer.from(octets).toString())} ${end < 0 ? 'broken' : 'whole'}` }
  },
}

function readText(text: string): string {
  try {
    const name = nameFromText(text)
    hold(name.length <= MAX_NAME_BYTES && name.at(-1) === 0, 'a name is too long, or without a root')
    const again = nameFromText(nameToText(name))
    hold(again.length === name.length && equalOctets(again, 0, name, 0, name.length), 'a name changed as text')
    return 'name'
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return error.message.replaceAll(/".*"|\d+/gs, '')
  }
}
