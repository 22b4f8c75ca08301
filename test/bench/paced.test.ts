/** The client that keeps a pace, against servers whose replies are known. */
import { createSocket } from 'node:dgram'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { paced } from '../../bench/client/paced.ts'
import { writeQuestions } from '../../bench/messages.ts'

const test = suite('bench/client/paced')
const PER_SECOND = 500
const LATE_MS = 20

/** Answers with an rcode, at once or late; every `dropEvery`-th query not at all. */
async function run(rcode: number, { lateMs = 0, dropEvery = 0 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'sextant-'))
  const file = join(folder, 'questions')
  writeQuestions(file, [{ name: 'a.example', type: 'A' }])
  const socket = createSocket('udp4')
  let count = 0
  socket.on('message', (query, from) => {
    if (dropEvery > 0 && count++ % dropEvery === 0) return
    const reply = Buffer.from(query)
    reply[2] = 0x84
    reply[3] = rcode
    setTimeout(() => socket.send(reply, from.port, from.address), lateMs)
  })
  await new Promise<void>(resolve => socket.bind(0, '127.0.0.1', resolve))
  const target = { name: 'fake', address: '127.0.0.1', port: socket.address().port, pid: process.pid }
  try {
    return await paced(target, { file, perSecond: PER_SECOND, seconds: 1 })
  } finally {
    socket.close()
    rmSync(folder, { recursive: true })
  }
}

test('replies are counted by rcode, and those that do not come are lost', async () => {
  const { answered, lost, rcodes, queriesPerS } = await run(3, { dropEvery: 5 })
  assert.ok(answered > 0 && lost > 0)
  assert.ok(queriesPerS <= PER_SECOND)
  assert.equal([...rcodes], [['NXDOMAIN', answered]])
  assert.ok(Math.abs(lost / (answered + lost) - 0.2) < 0.02)
})

test('a latency is what the server made the client wait', async () => {
  const { p50Us, lost } = await run(0, { lateMs: LATE_MS })
  assert.is(lost, 0)
  assert.ok(p50Us >= (LATE_MS - 2) * 1000, `${p50Us} µs`)
})

test.run()
