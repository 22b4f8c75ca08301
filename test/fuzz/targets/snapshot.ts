/** A snapshot file whose checksum is right and whose other octets are anybody's: restored, or refused and nothing of it kept. */
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { Index } from '../../../plugins/kubernetes/index/index.ts'
import { Unusable } from '../../../plugins/kubernetes/snapshot/header.ts'
import { countsOf, indexOf, newFile, octetsOf, read, SMALL } from '../../plugins/kubernetes/snapshot/pictures.ts'
import { hexWords, hold, type Outcome, type Target, textWords } from '../target.ts'

const DIGEST_BYTES = 32
const whole = await octetsOf(indexOf(SMALL))
const header = whole.subarray(0, whole.indexOf('\n', whole.indexOf('\n') + 1) + 1)
const file = newFile()

export const target: Target = {
  name: 'snapshot',
  isText: false,
  bound: { base: 3000, perOctet: 20 },
  maxBytes: 4000,
  words: [
    ...hexWords('00', '01', '7f', '80', 'ff', 'ffffffff0f', '04', '08'),
    ...textWords('pod', 'service', '"sections":[', '10.0.0.1'),
  ],
  seeds: [
    { label: 'small', octets: whole.subarray(0, -DIGEST_BYTES) },
    { label: 'header', octets: header },
    { label: 'nothing', octets: new Uint8Array(0) },
  ],
  async run(octets): Promise<Outcome> {
    writeFileSync(file, Buffer.concat([octets, createHash('sha256').update(octets).digest()]))
    const index = new Index()
    try {
      await read(file, index)
      return {
        kind: Object.values(countsOf(index))
          .map(one => Math.min(2, one))
          .join(''),
      }
    } catch (error) {
      if (!(error instanceof Unusable)) throw error
      hold(
        Object.values(countsOf(index)).every(one => one === 0),
        'something of a bad file was kept',
      )
      return { kind: error.message.replaceAll(/\d+|".*?"/gs, '').slice(0, 60) }
    }
  },
}
