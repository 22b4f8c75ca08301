import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cleanMappings, release } from '../../../server/control/release.ts'
import { loadMemory } from '../../../server/listen/ffi.ts'

const test = suite('release')

const kb = (count: number) => `${`${count}`.padStart(12)} kB\n`
const counts = (anonymousKb: number, swapKb = 0) =>
  `Rss:${kb(512)}Anonymous:${kb(anonymousKb)}Swap:${kb(swapKb)}SwapPss:${kb(0)}VmFlags: rd mr mw me\n`

test('what holds nothing but the binary is released, and nothing else', () => {
  const smaps = [
    `00400000-0082e000 r--p 00000000 fe:00 53                         /opt/node\n${counts(0)}`,
    `0082e000-03489000 r-xp 0042e000 fe:00 53                         /opt/node (deleted)\n${counts(0)}`,
    `072a7000-072ab000 r--p 06ea6000 fe:00 53                         /opt/node\n${counts(16)}`,
    `072a7000-072ab000 r--p 06ea6000 fe:00 53                         /opt/node\n${counts(0, 16)}`,
    `072ab000-072d0000 rw-p 06eaa000 fe:00 53                         /opt/node\n${counts(0)}`,
    `40be8000-4133b000 rw-p 00000000 00:00 0                          [heap]\n${counts(0)}`,
    `7f1b0dbc0000-7f1b2d940000 rwxp 00000000 00:00 0 \n${counts(0)}`,
    `7f1b0dbc0000-7f1b2d940000 r--p 00000000 00:00 0 \n${counts(0)}`,
    `7f1b3d940000-7f1b3d941000 r--s 00000000 fe:00 53                 /opt/node\n${counts(0)}`,
    `7ffd0e3f2000-7ffd0e3f4000 r-xp 00000000 00:00 0                  [vdso]\n${counts(0)}`,
    `7f1b3a000000-7f1b3b000000 r--p 00000000 fe:00 55                 /etc/ld.so.cache\n${counts(0)}`,
  ].join('')
  assert.equal(
    cleanMappings(smaps, '/opt/node').map(({ from, to }) => `${from.toString(16)}-${to.toString(16)}`),
    ['400000-82e000', '82e000-3489000'],
  )
})

test('a process that releases its memory has less of it, and goes on', async () => {
  const calls = loadMemory()
  if (calls === undefined) return // another system, or another libc
  const fileKb = () => Number(/^RssFile:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1])
  const before = fileKb()
  await release(calls)
  assert.ok(fileKb() < before * 0.75, `${fileKb()} kB of files are resident, before ${before}`)
})

test.run()
