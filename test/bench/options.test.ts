import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readOptions } from '../../bench/options.ts'
import { WORKS, worksOf } from '../../bench/works.ts'

const test = suite('bench/options')

test('what is not said', () => {
  const { suite: of, only, threshold, settings } = readOptions([])
  assert.equal([of, only, threshold], ['main', [], 0.15])
  assert.equal(settings, { rounds: 5, seconds: 3, longSeconds: 30, kubeconfig: undefined, peer: undefined })
})

test('a peer is an address, a port and a process', () => {
  const { peer } = readOptions(['--peer', '::1:53', '--peer-pid', '7', '--peer-name', 'other']).settings
  assert.equal(peer, { name: 'other', address: '::1', port: 53, pid: 7 })
  assert.throws(() => readOptions(['--peer', '127.0.0.1', '--peer-pid', '7']), /expected ADDRESS:PORT/)
  assert.throws(() => readOptions(['--peer', '127.0.0.1:53']), /--peer-pid/)
})

test('numbers that are none, and suites that are none', () => {
  assert.throws(() => readOptions(['--rounds', '0']), /--rounds "0", expected a number above 0/)
  assert.throws(() => readOptions(['--threshold', 'x']), /--threshold "x"/)
  assert.throws(() => readOptions(['--suite', 'all']), /--suite "all", expected main, forward, scale/)
})

test('works are chosen by suite, or by name whatever their suite', () => {
  const names = (suiteName: 'main' | 'forward' | 'scale', only: string[]) =>
    worksOf(suiteName, only).map(({ name }) => name)
  assert.equal(names('main', ['churn', 'udp']), ['udp', 'churn'])
  assert.ok(names('forward', []).includes('hits') && names('main', []).includes('hits'))
  assert.not(names('main', []).includes('churn'))
  assert.throws(() => worksOf('main', ['udq']), /no work "udq", expected udp, /)
})

test('no two works have one name, and each has a suite', () => {
  const names = WORKS.map(({ name }) => name)
  assert.is(new Set(names).size, names.length)
  assert.ok(WORKS.every(({ suites }) => suites.length > 0))
})

test.run()
