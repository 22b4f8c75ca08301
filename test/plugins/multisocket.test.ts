import { availableParallelism } from 'node:os'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin as bind } from '../../plugins/bind/bind.ts'
import { plugin } from '../../plugins/multisocket/multisocket.ts'
import { build } from '../../server/control/build.ts'
import { readCorefile } from '../../server/corefile/corefile.ts'
import type { ListenOptions } from '../../server/plugin.ts'
import { capturedLog } from '../harness/captured-log.ts'
import { corefileFailure } from '../harness/corefile-failure.ts'
import { originOf } from '../harness/server.ts'
import { chainOf } from '../harness/stage.ts'

const test = suite('multisocket')
const cores = availableParallelism()

/** How many sockets a block asks for. */
function socketsOf(body: string): number | undefined {
  const listen: ListenOptions = { addresses: [], udpBytes: 1232 }
  chainOf([plugin], body, [], '.', { listen })
  return listen.sockets
}

const GOOD: { name: string; body: string; gives: number | undefined }[] = [
  { name: 'none', body: '', gives: undefined },
  { name: 'as many as there are cores', body: 'multisocket', gives: Math.min(cores, 1024) },
  { name: 'one', body: 'multisocket 1', gives: 1 },
  { name: 'the most', body: 'multisocket 1024', gives: 1024 },
]

for (const { name, body, gives } of GOOD) test(name, () => assert.is(socketsOf(body), gives))

const BAD: { name: string; body: string; at: string; says: RegExp }[] = [
  {
    name: 'zero',
    body: 'multisocket 0',
    at: '2:13',
    says: /^invalid number of sockets "0", expected a whole number from 1 to 1024$/,
  },
  { name: 'too many', body: 'multisocket 1025', at: '2:13', says: /^invalid number of sockets "1025"/ },
  { name: 'a word', body: 'multisocket auto', at: '2:13', says: /^invalid number of sockets "auto"/ },
  { name: 'two numbers', body: 'multisocket 2 2', at: '2:15', says: /^surplus argument "2" of "multisocket"/ },
  { name: 'a block', body: 'multisocket 2 {\nfast\n}', at: '3:1', says: /^"multisocket" takes no block/ },
  { name: 'twice', body: 'multisocket 2\nmultisocket 2', at: '3:1', says: /^used again, can only be used once/ },
]

for (const { name, body, at, says } of BAD) {
  test(`refused: ${name}`, () => {
    const { line, column, message } = corefileFailure(() => chainOf([plugin], body))
    assert.is(`${line}:${column}`, at)
    assert.match(message, says)
  })
}

test('more than there are cores is a warning, with its place', async () => {
  const lines = await capturedLog(() => socketsOf(`multisocket ${cores + 1}`))
  assert.is(lines.length, 1)
  assert.ok(lines[0]!.startsWith(`[WARN] plugin/multisocket: Corefile:2:13: ${cores + 1} sockets for ${cores} core`))
  assert.equal(await capturedLog(() => socketsOf('multisocket\n')), [])
})

test('the first block of a listener decides, and every block knows how many threads serve it', () => {
  const text =
    'a:53 {\nbind 127.0.0.1\nmultisocket 3\n}\nb:53 {\nbind 127.0.0.1\nmultisocket 2\n}\n' +
    'c:53 {\nbind 127.0.0.1 127.0.0.2\n}\nd:54 {\n}\n'
  const texts = { files: new Map(), folders: new Map() }
  const parsed = { ...readCorefile(text, 'Corefile'), origin: originOf('Corefile', '/'), text, texts }
  const generation = build(parsed, { plugins: [plugin, bind], port: 53, reload: async () => false })
  assert.equal(
    [...generation.plans].map(([key, { sockets }]) => `${key} ${sockets}`),
    ['dns://127.0.0.1:53 3', 'dns://127.0.0.2:53 1', 'dns://:54 1'],
  )
  assert.equal(
    generation.blocks.map(({ threads }) => threads),
    [3, 3, 3, 1],
  )
  assert.is(generation.threads, 3)
})

test.run()
