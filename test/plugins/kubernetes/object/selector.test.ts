import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseSelector, selects } from '../../../../plugins/kubernetes/object/selector.ts'

const labels = new Map([
  ['env', 'prod'],
  ['app.kubernetes.io/name', 'web'],
  ['replicas', '12'],
  ['empty', ''],
])

const rows: { selector: string; text: string; is: boolean }[] = [
  { selector: 'env', text: 'env', is: true },
  { selector: 'team', text: 'team', is: false },
  { selector: '!team', text: '!team', is: true },
  { selector: '! env', text: '!env', is: false },
  { selector: 'env=prod', text: 'env in (prod)', is: true },
  { selector: 'env == test', text: 'env in (test)', is: false },
  { selector: 'env!=test', text: 'env notin (test)', is: true },
  { selector: 'team != x', text: 'team notin (x)', is: true },
  { selector: 'env in (test,prod)', text: 'env in (test,prod)', is: true },
  { selector: 'env in ( test )', text: 'env in (test)', is: false },
  { selector: 'team in (x)', text: 'team in (x)', is: false },
  { selector: 'env notin (test)', text: 'env notin (test)', is: true },
  { selector: 'env notin (prod)', text: 'env notin (prod)', is: false },
  { selector: 'team notin (x)', text: 'team notin (x)', is: true },
  { selector: 'replicas > 9', text: 'replicas>9', is: true },
  { selector: 'replicas<12', text: 'replicas<12', is: false },
  { selector: 'env > 1', text: 'env>1', is: false },
  { selector: 'team > 1', text: 'team>1', is: false },
  { selector: 'app.kubernetes.io/name=web', text: 'app.kubernetes.io/name in (web)', is: true },
  { selector: 'empty=', text: 'empty in ()', is: true },
  { selector: 'env=,!team', text: 'env in (),!team', is: false },
  { selector: 'env=prod,!team,replicas>1', text: 'env in (prod),!team,replicas>1', is: true },
  { selector: 'env=prod, team', text: 'env in (prod),team', is: false },
]

for (const { selector, text, is } of rows) {
  test(`"${selector}" ${is ? 'selects' : 'does not select'}`, () => {
    const parsed = parseSelector(selector)
    assert.is(selects(parsed, labels), is)
    assert.is(parsed.text, text)
    assert.equal(parseSelector(parsed.text), parsed, 'what is written reads the same')
  })
}

const bad: { selector: string; says: string }[] = [
  { selector: '', says: 'empty label selector, expected for example "app=web"' },
  { selector: 'env=prod,', says: 'label selector ends early, expected a label' },
  { selector: ',env', says: 'invalid label ",", expected for example "app"' },
  { selector: 'env prod', says: '"prod" after label "env", expected =, ==, !=, in, notin, < or >' },
  { selector: 'env=prod test', says: '"test" in label selector, expected ","' },
  { selector: 'env in prod', says: '"prod" in label selector, expected "("' },
  { selector: 'env in (prod', says: 'label selector ends early, expected ")"' },
  { selector: 'replicas > x', says: '"x" after < or >, expected an integer' },
  { selector: 'replicas >', says: '"" after < or >, expected an integer' },
  { selector: '-env=prod', says: 'invalid label "-env", expected for example "app"' },
  { selector: 'A_/x', says: 'invalid label "A_/x", expected for example "app"' },
  { selector: `${'x'.repeat(64)}`, says: `invalid label "${'x'.repeat(64)}", expected for example "app"` },
  { selector: 'env=-x', says: 'invalid label value "-x", expected letters, digits, "-", "_" or "."' },
]
for (const { selector, says } of bad) {
  test(`refuses "${selector}"`, () => {
    assert.throws(
      () => parseSelector(selector),
      (error: Error) => error instanceof RangeError && error.message === says,
    )
  })
}

test.run()
