/** Who may have how many descriptors: what is for DNS clients is shared by all listeners, and by handshakes. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { filesForClients, shareFiles } from '../../server/open-files.ts'
import { counted, withEncrypted } from './listen/encrypted.ts'
import { eventually, withServed } from './listen/fixture.ts'

const LEAST = 4
/** So many others that no more than the least is left to each. */
const OTHERS = 2 ** 40

const test = suite('open files')

/** Opens connections that say nothing, one after the other. */
async function openSilent(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  for (let i = 0; i < count; i++) {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    sockets.push(socket)
    await once(socket, 'connect')
  }
  return sockets
}

async function withOthers(task: () => Promise<void>): Promise<void> {
  shareFiles(OTHERS)
  try {
    await task()
  } finally {
    shareFiles(-OTHERS)
  }
}

test('each listener shares with the others, from its start to its end', async () => {
  const alone = filesForClients()
  await withServed('127.0.0.1', {}, async () => {
    assert.is(filesForClients(), alone)
    await withServed('127.0.0.1', {}, async () => assert.ok(Math.abs(filesForClients() - alone / 2) < 1))
    await withEncrypted('tls', {}, async () => assert.ok(Math.abs(filesForClients() - alone / 3) < 1))
    await withEncrypted('https', {}, async () => assert.ok(Math.abs(filesForClients() - alone / 3) < 1))
    assert.is(filesForClients(), alone)
  })
  assert.is(filesForClients(), alone)
})

test('a listener has no more connections than its share', () =>
  withServed('127.0.0.1', { server: 'dns://:share' }, at =>
    withOthers(async () => {
      const sockets = await openSilent(at.port, LEAST + 3)
      await eventually(() => counted('sextant_tcp_closed_total', 'dns://:share', 'limit') === 3, 'the closes')
      for (const socket of sockets) socket.destroy()
    }),
  ))

for (const scheme of ['tls', 'https'] as const) {
  test(`${scheme}: no more wait for their handshake than its share`, () =>
    withEncrypted(scheme, { server: `${scheme}://:share` }, at =>
      withOthers(async () => {
        const sockets = await openSilent(at.port, LEAST + 3)
        const closed = () => counted('sextant_tls_handshakes_total', `${scheme}://:share`, 'limit')
        await eventually(() => closed() === 3, 'the closes')
        for (const socket of sockets) socket.destroy()
      }),
    ))
}

test.run()
