/** The columns of a section: kept for the next answer while they are small, given back where they are not. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Answer } from '../../../server/wire/answer.ts'
import { TYPE } from '../../../server/wire/codes.ts'
import { QUESTION, Section } from '../../../server/wire/section.ts'

const DATA = new Uint8Array(4)

function filled(section: Section, count: number): Section {
  for (let i = 0; i < count; i++) section.add(QUESTION, 0, TYPE.A, 30, DATA)
  return section
}

/** How long the columns are. */
const lengths = ({ owner, ownerAt, type, ttl, data, dataAt, dataLength }: Section) =>
  new Set([owner, ownerAt, type, ttl, data, dataAt, dataLength].map(column => column.length))

test('a usual answer: its columns are used again', () => {
  const section = filled(new Section(), 100)
  section.clear()
  assert.is(section.count, 0)
  assert.equal([...lengths(section)], [100])
})

test('thousands of records: nothing of them is kept', () => {
  const section = filled(new Section(), 4000)
  section.clear()
  assert.is(section.count, 0)
  assert.equal([...lengths(section)], [0])
})

test('an answer that is used again has given back what was large', () => {
  const answer = new Answer()
  filled(answer.answer, 4000)
  filled(answer.additional, 4000)
  answer.reset()
  for (const section of [answer.answer, answer.authority, answer.additional]) assert.equal([...lengths(section)], [0])
})

test('memory of its own that was large: no column points into it any more', () => {
  const answer = new Answer()
  answer.answer.add(QUESTION, 0, TYPE.TXT, 30, answer.scratch(60_000))
  answer.reset()
  assert.equal(answer.answer.data, [])
})

test.run()
