import { connect } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin as bind } from '../../plugins/bind/bind.ts'
import { plugin } from '../../plugins/timeouts/timeouts.ts'
import { build } from '../../server/control/build.ts'
import { readCorefile } from '../../server/corefile/corefile.ts'
import type { ListenOptions } from '../../server/plugin.ts'
import { corefileFailure } from '../harness/corefile-failure.ts'
import { originOf, type RunningServer, startServer } from '../harness/server.ts'
import { chainOf } from '../harness/stage.ts'

const test = suite('timeouts')

function limitsOf(body: string): ListenOptions['tcp'] {
  const listen: ListenOptions = { addresses: [], udpBytes: 1232 }
  chainOf([plugin], body, [], '.', { listen })
  return listen.tcp
}

const GOOD: { name: string; body: string; gives: ListenOptions['tcp'] }[] = [
  { name: 'none', body: '', gives: undefined },
  { name: 'one time', body: 'timeouts {\nidle 2m\n}', gives: { idleMs: 120_000 } },
  {
    name: 'all',
    body: 'timeouts {\nread 1s\nwrite 1500ms\nidle 20\nmaxtcpqueries 7\n}',
    gives: { firstReadMs: 1000, writeMs: 1500, idleMs: 20_000, maxQueries: 7 },
  },
  {
    name: 'the longest',
    body: 'timeouts {\nread 24h\nmaxtcpqueries -1\n}',
    gives: { firstReadMs: 86_400_000, maxQueries: Number.POSITIVE_INFINITY },
  },
  {
    name: 'what stands last',
    body: 'timeouts {\nread 1s\nread 2s\n}\ntimeouts {\nread 3s\n}',
    gives: { firstReadMs: 3000 },
  },
]

for (const { name, body, gives } of GOOD) test(name, () => assert.equal(limitsOf(body), gives))

const BAD: { name: string; body: string; at: string; says: RegExp }[] = [
  { name: 'nothing', body: 'timeouts', at: '2:1', says: /^a block that sets nothing, expected read, write, idle or/ },
  { name: 'an empty block', body: 'timeouts {\n}', at: '2:1', says: /^a block that sets nothing/ },
  { name: 'an argument', body: 'timeouts 5s {\nread 1s\n}', at: '2:10', says: /^surplus argument "5s" of "timeouts"/ },
  { name: 'no time', body: 'timeouts {\nread\n}', at: '3:1', says: /^missing argument of "read"/ },
  { name: 'two times', body: 'timeouts {\nread 1s 2s\n}', at: '3:9', says: /^surplus argument "2s" of "read"/ },
  {
    name: 'too short',
    body: 'timeouts {\nidle 999ms\n}',
    at: '3:6',
    says: /^invalid timeout "999ms", expected at least 1s and at most 24h$/,
  },
  { name: 'too long', body: 'timeouts {\nwrite 25h\n}', at: '3:7', says: /^invalid timeout "25h"/ },
  {
    name: 'a word',
    body: 'timeouts {\nread soon\n}',
    at: '3:6',
    says: /^invalid timeout "soon", expected whole seconds/,
  },
  { name: 'no queries', body: 'timeouts {\nmaxtcpqueries 0\n}', at: '3:15', says: /^invalid maxtcpqueries "0"/ },
  { name: 'fewer', body: 'timeouts {\nmaxtcpqueries -2\n}', at: '3:15', says: /^invalid maxtcpqueries "-2"/ },
  { name: 'another property', body: 'timeouts {\nreed 1s\n}', at: '3:1', says: /^unknown property "reed".*"read"/ },
]

for (const { name, body, at, says } of BAD) {
  test(`refused: ${name}`, () => {
    const { line, column, message } = corefileFailure(() => chainOf([plugin], body))
    assert.is(`${line}:${column}`, at)
    assert.match(message, says)
  })
}

test('of several blocks of a listener the last one that sets a time decides', () => {
  const text =
    'a:53 {\nbind 127.0.0.1\ntimeouts {\nread 1s\nidle 5s\n}\n}\nb:53 {\nbind 127.0.0.1\ntimeouts {\nidle 6s\n}\n}\n' +
    'c:53 {\nbind 127.0.0.1\n}\nd:54 {\n}\n'
  const texts = { files: new Map(), folders: new Map() }
  const parsed = { ...readCorefile(text, 'Corefile'), origin: originOf('Corefile', '/'), text, texts }
  const { plans } = build(parsed, { plugins: [plugin, bind], port: 53, reload: async () => false })
  assert.equal(plans.get('dns://127.0.0.1:53')?.tcp, { firstReadMs: 1000, idleMs: 6000 })
  assert.equal(plans.get('dns://:54')?.tcp, {})
})

/** How long a connection that says nothing stays open, ms. */
async function silence({ port }: RunningServer): Promise<number> {
  const socket = connect(port, '127.0.0.1')
  const startMs = performance.now()
  await new Promise(resolve => socket.resume().on('end', resolve).on('error', resolve))
  socket.destroy()
  return performance.now() - startMs
}

test('a server keeps to it, and a reload changes it', async () => {
  const corefile = (more: string) => `. {\nbind 127.0.0.1\nwhoami\n${more}}\n`
  const server = await startServer(corefile('timeouts {\nread 1s\n}\n'))
  try {
    const tookMs = await silence(server)
    assert.ok(tookMs > 900 && tookMs < 2900, `${tookMs} ms`)
    assert.ok(await server.reload(corefile('')))
    const laterMs = await silence(server)
    assert.ok(laterMs > 2900, `${laterMs} ms`)
  } finally {
    await server.stop()
  }
})

test.run()
