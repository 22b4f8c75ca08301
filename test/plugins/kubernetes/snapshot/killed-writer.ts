/** Run by killed.test.ts: writes snapshots of one file, one after the other, until it is killed. */

import { namespace, pod } from '../cluster.ts'
import { indexOf, PICTURE, TAKEN_AT_MS, write } from './pictures.ts'

const [, , file = ''] = process.argv
const pods = Array.from({ length: 3000 }, (_, i) => pod(`p-${i}.a`, `10.0.${i >> 8}.${i & 255}`))
const index = indexOf([namespace('a'), ...pods])
for (let round = 1; ; round++) {
  await write(index, { file, header: { takenAtMs: TAKEN_AT_MS + round, picture: PICTURE } })
  if (round === 1) process.stdout.write('written\n')
}
