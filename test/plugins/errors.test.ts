import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin } from '../../plugins/errors/errors.ts'
import type { Query, Stage } from '../../server/plugin.ts'
import * as reply from '../../server/reply.ts'
import { EDE } from '../../server/wire/codes.ts'
import { capturedLog } from '../harness/captured-log.ts'
import { corefileFailure } from '../harness/corefile-failure.ts'
import { chainOf } from '../harness/stage.ts'

const failing: Stage = {
  handle: (q: Query) => reply.servfail(q, EDE.OTHER, new Error(`upstream ${q.qtype} timed out`)),
}
const refusing: Stage = { handle: (q: Query) => reply.refused(q, EDE.OTHER) }

test('an error is one line: rcode, name, type, text', async () => {
  const { ask } = chainOf([plugin], 'errors', [failing])
  const lines = await capturedLog(async () => {
    assert.is(await ask('Www.example.ORG', { type: 'AAAA' }), 'SERVFAIL rd')
  })
  assert.equal(lines, ['[ERROR] plugin/errors: 2 www.example.org. AAAA: upstream 28 timed out'])
})

test('a failure without a reason is not logged', async () => {
  const { ask } = chainOf([plugin], 'errors', [refusing])
  assert.equal(await capturedLog(() => ask('example.org')), [])
})

for (const { name, words, asked, lines } of [
  {
    name: 'a summary',
    words: '',
    asked: 3,
    lines: ["[ERROR] plugin/errors: 3 errors like '^upstream' occurred in last 1h"],
  },
  {
    name: 'a summary of one',
    words: 'warning',
    asked: 1,
    lines: ["[WARN] plugin/errors: 1 errors like '^upstream' occurred in last 1h"],
  },
  {
    name: 'the first one and a summary',
    words: 'info show_first',
    asked: 2,
    lines: [
      '[INFO] plugin/errors: 2 a. A: upstream 1 timed out',
      "[INFO] plugin/errors: 2 errors like '^upstream' occurred in last 1h",
    ],
  },
  {
    name: 'the only one',
    words: 'show_first',
    asked: 1,
    lines: ['[ERROR] plugin/errors: 2 a. A: upstream 1 timed out'],
  },
  { name: 'nothing', words: '', asked: 0, lines: [] },
]) {
  test(`consolidate logs ${name}`, async () => {
    const { ask, stages } = chainOf([plugin], `errors {\nconsolidate 1h ^upstream ${words}\n}`, [failing])
    const logged = await capturedLog(async () => {
      for (let i = 0; i < asked; i++) await ask('a')
      await stages[0]!.stop!()
    })
    assert.equal(logged, lines)
  })
}

test('the first pattern that matches counts, others are logged as they come', async () => {
  const { ask, stages } = chainOf([plugin], 'errors {\nconsolidate 1h 28\nconsolidate 1h ^upstream.*28\n}', [failing])
  const logged = await capturedLog(async () => {
    await ask('a', { type: 'AAAA' })
    await ask('a')
    await stages[0]!.stop!()
  })
  assert.equal(logged, [
    '[ERROR] plugin/errors: 2 a. A: upstream 1 timed out',
    "[ERROR] plugin/errors: 1 errors like '28' occurred in last 1h",
  ])
})

test('a period ends by itself, and the next one begins with the next error', async () => {
  const { ask } = chainOf([plugin], 'errors {\nconsolidate 1ms .\n}', [failing])
  const logged = await capturedLog(async () => {
    await ask('a')
    await new Promise(resolve => setTimeout(resolve, 30))
    await ask('a')
    await new Promise(resolve => setTimeout(resolve, 30))
  })
  assert.equal(logged, Array(2).fill("[ERROR] plugin/errors: 1 errors like '.' occurred in last 1ms"))
})

for (const body of [
  'errors',
  'errors stdout',
  'errors {\nstacktrace\nconsolidate 5m ".* i/o timeout$" warning\nconsolidate 30s "^Failed to .+" debug show_first\n}',
]) {
  test(`good: ${body.replaceAll('\n', ' ')}`, () => {
    assert.ok(chainOf([plugin], body).stages[0]!.observe)
  })
}

for (const { body, at, says } of [
  { body: 'errors stderr', at: '2:8', says: 'unknown log file "stderr", expected stdout' },
  { body: 'errors stdout more', at: '2:15', says: 'surplus argument "more"' },
  { body: 'errors\nerrors', at: '3:1', says: 'used again' },
  { body: 'errors {\nconsolidat\n}', at: '3:1', says: 'did you mean' },
  { body: 'errors {\nconsolidate 5m\n}', at: '3:13', says: 'missing argument' },
  { body: 'errors {\nconsolidate 0s x\n}', at: '3:13', says: 'invalid period "0s", expected more than 0s' },
  { body: 'errors {\nconsolidate 5m (\n}', at: '3:16', says: 'invalid regular expression "("' },
  { body: 'errors {\nconsolidate 5m x loud\n}', at: '3:18', says: 'unknown level "loud"' },
  { body: 'errors {\nconsolidate 5m x show_first info\n}', at: '3:29', says: 'expected the level before it' },
  { body: 'errors {\nconsolidate 5m x info first\n}', at: '3:23', says: 'expected show_first' },
  { body: 'errors {\nstacktrace on\n}', at: '3:12', says: 'surplus argument' },
]) {
  test(`bad: ${body.replaceAll('\n', ' ')}`, () => {
    const error = corefileFailure(() => chainOf([plugin], body))
    assert.is(`${error.line}:${error.column}`, at)
    assert.ok(error.message.includes(says), error.message)
  })
}

test.run()
