import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { messageOf, writeMessages, writeQuestions } from '../../bench/messages.ts'
import { readReply } from '../harness/message.ts'

const test = suite('bench/messages')
const asked = [
  { name: 'a.example', type: 'A' },
  { name: 'bc.example', type: 'SRV' },
]

test('a message has its question, RD, and an OPT only if that is wanted', () => {
  const plain = readReply(messageOf(asked[1]!))
  assert.equal(plain.questions, [{ name: 'bc.example', type: 'SRV', class: 'IN' }])
  assert.equal([plain.flag_rd, plain.additionals?.length], [true, 0])
  const [opt] = readReply(messageOf(asked[0]!, 1232)).additionals!
  assert.is((opt as { udpPayloadSize?: number }).udpPayloadSize, 1232)
})

test('files hold a line, or a message behind its length, for each question', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sextant-'))
  const file = join(folder, 'questions')
  try {
    writeQuestions(file, asked)
    assert.is(readFileSync(file, 'utf8'), 'a.example A\nbc.example SRV\n')
    writeMessages(file, asked, 1232)
    const octets = readFileSync(file)
    const first = messageOf(asked[0]!, 1232)
    const second = messageOf(asked[1]!, 1232)
    assert.is(octets.readUInt16BE(0), first.length)
    assert.equal(octets.subarray(2, 2 + first.length), first)
    assert.is(octets.readUInt16BE(2 + first.length), second.length)
    assert.is(octets.length, 4 + first.length + second.length)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test.run()
