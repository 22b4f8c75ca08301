import { spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadFfi } from '../../../server/listen/ffi.ts'
import { BATCH } from '../../../server/listen/udp-arena.ts'
import { QuietClient, soon } from './fixture.ts'

const ffi = loadFfi()
const ECONNREFUSED = 111

test('errno tells why', () => {
  if (ffi === undefined) return
  assert.is(ffi.calls.close(-1), -1)
  assert.is(ffi.errno(), 9) // EBADF
})

test('a watch tells of data, and goes on after an error of the socket', async () => {
  if (ffi === undefined) return
  const peer = createSocket('udp4').bind(0, '127.0.0.1')
  await once(peer, 'listening')
  const { port } = peer.address()
  const client = new QuietClient(ffi, port)
  const { fd, arena } = client
  let onRead: ((count: number, errno: number) => void) | undefined
  const watch = ffi.watch(fd, () => {
    const count = ffi.calls.recvmmsg(fd, arena.receiveHeaders, BATCH, 0x40, 0n)
    const errno = ffi.errno()
    setImmediate(() => onRead?.(count, errno))
  })
  const next = () => soon(new Promise<[number, number]>(resolve => (onRead = (...read) => resolve(read))), 'a wake-up')

  peer.on('message', (message, from) => peer.send(message, from.port, from.address))
  let read = next()
  client.send(Uint8Array.of(1))
  assert.is((await read)[0], 1)

  peer.close()
  await once(peer, 'close')
  read = next()
  client.send(Uint8Array.of(1))
  assert.equal(await read, [-1, ECONNREFUSED])

  const again = createSocket('udp4').bind(port, '127.0.0.1')
  await once(again, 'listening')
  again.on('message', (message, from) => again.send(message, from.port, from.address))
  watch.restart()
  read = next()
  client.send(Uint8Array.of(1))
  assert.is((await read)[0], 1)
  watch.stop()
  watch.stop()
  client.close()
  again.close()
})

const REFUSALS = [
  { name: 'as it is', flags: [], env: {}, is: 'true' },
  { name: 'SEXTANT_UDP=dgram', flags: [], env: { SEXTANT_UDP: 'dgram' }, is: 'false' },
  { name: 'the permission model', flags: ['--permission', '--allow-fs-read=*'], env: {}, is: 'false' },
]
for (const { name, flags, env, is } of REFUSALS) {
  test(`loads quietly or not at all: ${name}`, () => {
    if (ffi === undefined) return
    const url = new URL('../../../server/listen/ffi.ts', import.meta.url).href
    const script = `const { loadFfi } = await import(${JSON.stringify(url)}); console.log(loadFfi() !== undefined)`
    const run = spawnSync(process.execPath, [...flags, '--input-type=module', '-e', script], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '', ...env },
    })
    assert.is(run.stdout.trim(), is)
    assert.is(run.stderr, '')
  })
}

test.run()
