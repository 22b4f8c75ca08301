/**
 * coredns#7802 bounds the length of regular expressions. In JavaScript there is worse: an expression that backtracks takes
 * time that doubles with each letter of a name that an attacker chooses, and the loop stands still meanwhile.
 *
 * Shown here: the one place where the Corefile takes an expression (`consolidate` of errors) against texts that such
 * expressions are slow on: its time does not grow faster than the text. The engine is RE2's (re2js), which does not backtrack;
 * that nothing makes a RegExp from somebody else's text is a rule of test/presubmit.test.ts.
 */
import { ok } from 'node:assert/strict'
import { test } from 'uvu'
import { plugin as errors } from '../../plugins/errors/errors.ts'
import type { Query, Stage } from '../../server/plugin.ts'
import * as reply from '../../server/reply.ts'
import { EDE } from '../../server/wire/codes.ts'
import { capturedLog } from '../harness/captured-log.ts'
import { corefileFailure } from '../harness/corefile-failure.ts'
import { chainOf } from '../harness/stage.ts'

const EXPRESSIONS = ['^(a+)+$', '^(a|a)*$', '^(a|aa)+$', '(.*a){12}$', '^(([a-z])+.)+[A-Z]([a-z])+$', 'a*a*a*a*a*a*a*b']
const MOST_MS = 5000 // a backtracking engine takes years for the first of them; this one 20 ms

/** A failure that says what was asked for, as those of upstreams do. */
const failing: Stage = { handle: (q: Query) => reply.servfail(q, EDE.OTHER, new Error(q.qnameText)) }
const labels = Array.from({ length: 3 }, () => 'a'.repeat(63))
const hostile = [
  labels.join('.'),
  `${labels.join('.')}.${'a'.repeat(60)}`,
  `${'a.'.repeat(120)}a`,
  `${'a'.repeat(62)}!`,
]

for (const expression of EXPRESSIONS) {
  test(`${expression} against names of 250 octets`, async () => {
    const { ask, stages } = chainOf([errors], `errors {\nconsolidate 1h "${expression}"\n}`, [failing])
    const startedAtMs = performance.now()
    await capturedLog(async () => {
      for (let round = 0; round < 5; round++) for (const name of hostile) await ask(name)
      await stages[0]!.stop!()
    })
    const tookMs = performance.now() - startedAtMs
    ok(tookMs < MOST_MS, `${Math.round(tookMs)} ms`)
  })
}

for (const { name, expression } of [
  { name: 'longer than 10,000 characters', expression: 'a'.repeat(10_001) },
  { name: 'that repeats a repetition', expression: '(a{1000}){1000}' },
  { name: 'that looks back', expression: '(?<=a)b' },
  { name: 'that refers back', expression: '(a)\\1' },
]) {
  test(`an expression ${name} is refused with its place`, () => {
    const error = corefileFailure(() => chainOf([errors], `errors {\nconsolidate 1h "${expression}"\n}`))
    ok(error.line === 3 && error.column > 1 && error.code === 'COREFILE_INVALID_REGEXP', error.message)
  })
}

test.run()
