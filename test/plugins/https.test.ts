import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin } from '../../plugins/https/https.ts'
import type { ListenOptions } from '../../server/plugin.ts'
import { corefileFailure } from '../harness/corefile-failure.ts'
import { chainOf } from '../harness/stage.ts'

const test = suite('https')

function limitsOf(body: string): ListenOptions['https'] {
  const listen: ListenOptions = { addresses: [], udpBytes: 1232 }
  chainOf([plugin], body, [], '.', { listen })
  return listen.https
}

const GOOD: { name: string; body: string; gives: object | undefined }[] = [
  { name: 'none', body: '', gives: undefined },
  { name: 'defaults', body: 'https', gives: {} },
  { name: 'an empty block', body: 'https {\n}', gives: {} },
  {
    name: 'both',
    body: 'https {\nmax_connections 10\nmax_streams 20\n}',
    gives: { maxConnections: 10, maxStreams: 20 },
  },
  {
    name: 'least',
    body: 'https {\nmax_connections 0\nmax_streams 0\n}',
    gives: { maxConnections: 0, maxStreams: 0 },
  },
  { name: 'most', body: 'https {\nmax_streams 4294967295\n}', gives: { maxStreams: 4294967295 } },
]
for (const { name, body, gives } of GOOD) test(name, () => assert.equal(limitsOf(body), gives))

const BAD: { name: string; body: string; at: string; says: RegExp }[] = [
  { name: 'an argument', body: 'https 10', at: '2:7', says: /^surplus argument "10" of "https", expected none$/ },
  { name: 'twice', body: 'https\nhttps', at: '3:1', says: /^used again/ },
  {
    name: 'a property twice',
    body: 'https {\nmax_streams 1\nmax_streams 1\n}',
    at: '4:1',
    says: /^property "max_streams" stands in line 3 already/,
  },
  { name: 'an unknown property', body: 'https {\nmax_requests 1\n}', at: '3:1', says: /^unknown property/ },
  { name: 'no number', body: 'https {\nmax_connections\n}', at: '3:1', says: /^missing argument/ },
  {
    name: 'a negative number',
    body: 'https {\nmax_connections -1\n}',
    at: '3:17',
    says: /^invalid number of connections "-1", expected a whole number of at least/,
  },
  {
    name: 'too many streams',
    body: 'https {\nmax_streams 4294967296\n}',
    at: '3:13',
    says: /^invalid number of streams "4294967296", expected a whole number from 0 to 4294967295$/,
  },
]
for (const { name, body, at, says } of BAD) {
  test(`refused: ${name}`, () => {
    const { line, column, message } = corefileFailure(() => limitsOf(body))
    assert.is(`${line}:${column}`, at)
    assert.match(message, says)
  })
}

test.run()
