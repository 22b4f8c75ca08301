/** Hosts files of 100,000 lines: read between queries, whatever they say, in memory that the collector need not walk. */
import { rmSync, utimesSync, writeFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin } from '../../../plugins/hosts/hosts.ts'
import type { Stage } from '../../../server/plugin.ts'
import { capturedLog } from '../../harness/captured-log.ts'
import { liveBytes } from '../../harness/live-memory.ts'
import { query, readReply } from '../../harness/message.ts'
import { temporaryFolder } from '../../harness/server.ts'
import { chainOf } from '../../harness/stage.ts'
import { longestTurnMs } from '../../harness/turns.ts'

const LINES = 100_000
/** Ten times what is promised: this process compiles meanwhile. */
const MAX_TURN_MS = 50
const MAX_BYTES_PER_LINE = 500

const folder = temporaryFolder()
test.after(() => folder.remove())

const address = (i: number) => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`

for (const { name, line, asked, type = 'A', records } of [
  {
    name: 'addresses of their own',
    line: (i: number) => `${address(i)} host-${i}.example.org h${i}.example.net # comment`,
    asked: 'h99999.example.net',
    records: 1,
  },
  {
    name: 'one address for all (a list of names to block)',
    line: (i: number) => `0.0.0.0 ads-${i}.example.org`,
    asked: 'ads-99999.example.org',
    records: 1,
  },
  {
    name: 'one address for all, asked by that: no more than a reply holds',
    line: (i: number) => `0.0.0.0 ads-${i}.example.org`,
    asked: '0.0.0.0.in-addr.arpa',
    type: 'PTR',
    records: 1_000,
  },
  {
    name: 'one name for all',
    line: (i: number) => `${address(i)} example.org`,
    asked: 'example.org',
    records: 4_000,
  },
]) {
  test(`${LINES} lines, ${name}`, async () => {
    const file = `${folder.path}/hosts`
    writeFileSync(file, `${Array.from({ length: LINES }, (_, i) => line(i)).join('\n')}\n`)
    const before = liveBytes()
    const { send, stages } = chainOf([plugin], `hosts ${file} {\nreload 0s\n}`)
    const stage = stages[0]! as Stage & { reload(): Promise<void> }
    await stage.start!(undefined)
    const bytes = (liveBytes() - before) / LINES
    assert.ok(bytes < MAX_BYTES_PER_LINE, `${bytes.toFixed(0)} octets a line`)
    utimesSync(file, 1, 1)
    await capturedLog(async () => {
      const longest = await longestTurnMs(() => stage.reload())
      assert.ok(longest < MAX_TURN_MS, `a turn of ${longest} ms`)
    })
    const { answers = [], flag_tc } = readReply(await send(query(asked, { type }), true))
    assert.is(answers.length >= records, true, `${answers.length} records`)
    assert.is(flag_tc, records > 1)
    await stage.stop!()
    rmSync(file)
  })
}

test('a large file that is gone when it is to be read is a warning', async () => {
  const file = `${folder.path}/gone`
  writeFileSync(file, '#'.repeat(100_000))
  const { stages } = chainOf([plugin], `hosts ${file}`)
  rmSync(file)
  const lines = await capturedLog(async () => stages[0]!.start!(undefined))
  assert.is(lines.length, 1)
  assert.match(lines[0]!, /cannot read/)
  await stages[0]!.stop!()
})

test.run()
