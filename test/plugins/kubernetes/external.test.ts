import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { answerExternal } from '../../../plugins/kubernetes/external.ts'
import type { Answer, Site } from '../../../server/plugin.ts'
import { QUESTION } from '../../../server/plugin.ts'
import { TYPE } from '../../../server/wire/codes.ts'
import { nameFromText } from '../../../server/wire/name.ts'
import { askSelf, Query, readQuery } from '../../../server/wire/query.ts'
import { query } from '../../harness/message.ts'

const test = suite('kubernetes/external')
const TARGET = nameFromText('large.test')
const ADDRESS = Uint8Array.of(192, 0, 2, 1)

function asked(stream: boolean): Query {
  const q = new Query()
  q.bytes = query('external.default.svc.cluster.local')
  q.length = q.bytes.length
  q.stream = stream
  readQuery(q)
  return q
}

/** Answers every look-up with so many addresses. */
function siteOf(addresses: number): Site {
  const lookup: Site['lookup'] = (parent, name, type) => {
    const q = new Query()
    askSelf(q, name, type, parent)
    const a = q.answer.reset()
    for (let i = 0; i < addresses; i++) a.answer.add(QUESTION, 0, TYPE.A, 5, ADDRESS)
    return a
  }
  return { lookup } as Site
}

test('of a large set as much is copied as fills the reply, and no more', () => {
  for (const [stream, most] of [
    [false, 512],
    [true, 65_535],
  ] as const) {
    const a = answerExternal(asked(stream), TARGET, 5, siteOf(6000)) as Answer
    const octets = a.answer.count * (12 + ADDRESS.length)
    assert.ok(octets > most, 'what is sent is cut, and says so')
    assert.ok(octets < 1.2 * most, `${octets} octets`)
  }
})

test('a set that fits is whole', () => {
  const a = answerExternal(asked(false), TARGET, 5, siteOf(20)) as Answer
  assert.is(a.answer.count, 21)
})

test.run()
