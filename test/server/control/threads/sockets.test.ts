/** The sockets of threads: on every address, beside one address, and what the kernel gives to whom as they go. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { networkInterfaces } from 'node:os'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { census, makeThreadBundle, removeThreadBundle, startThreads, withThreads } from '../../../harness/census.ts'
import { freePort } from '../../../harness/free-port.ts'
import { query, replyText } from '../../../harness/message.ts'

const test = suite('threads: sockets')
test.before(makeThreadBundle)
test.after(removeThreadBundle)

/** Asks over UDP from a port of its own, and gives the number of the thread and the address that answered. */
async function askAt(address: string, port: number): Promise<{ thread: number; from: string }> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  try {
    socket.send(query('id', { type: 'TXT' }), port, address)
    const [octets, from] = await once(socket, 'message', { signal: AbortSignal.timeout(5000) })
    const [, thread] = /TXT "(\d+)"/.exec(replyText(octets)) ?? []
    return { thread: Number(thread), from: from.address }
  } finally {
    socket.close()
  }
}

async function threadsAt(address: string, port: number): Promise<number[]> {
  const answers = await Promise.all(Array.from({ length: 40 }, () => askAt(address, port)))
  assert.ok(answers.every(({ from }) => from === address))
  return [...new Set(answers.map(({ thread }) => thread))].sort()
}

const hasIpv6 = Object.values(networkInterfaces()).some(all => all?.some(({ address }) => address === '::1'))
const addresses = hasIpv6 ? ['127.0.0.1', '127.0.0.2', '::1'] : ['127.0.0.1', '127.0.0.2']

test('on every address, each thread answers from the one that was asked', async () => {
  await withThreads('. {\nmultisocket 2\nhavoc\n}\n', async server => {
    for (const address of addresses) assert.equal(await threadsAt(address, server.port), [0, 1])
    let isOver = false
    const clients = addresses.map(async address => {
      while (!isOver) await askAt(address, server.port)
    })
    const whole = Promise.all(clients)
    whole.catch(() => {})
    for (const sockets of [1, 2, 1]) {
      assert.ok(await server.reload(`. {\nmultisocket ${sockets}\nhavoc\n}\n`))
      await server.server.reloader.idle
    }
    isOver = true
    await whole
    for (const address of addresses) assert.equal(await threadsAt(address, server.port), [0])
  })
})

test('one address beside all of them, each with its own number of threads', async () => {
  const port = await freePort()
  const beside = (all: number, one: number) =>
    `.:${port} {\nmultisocket ${all}\nhavoc\n}\nid:${port} {\nbind 127.0.0.1\nmultisocket ${one}\nhavoc\n}\n`
  await withThreads(beside(3, 2), async server => {
    assert.equal(await threadsAt('127.0.0.1', port), [0, 1])
    assert.equal(await threadsAt('127.0.0.2', port), [0, 1, 2])
    assert.ok(await server.reload(beside(1, 3)))
    await server.server.reloader.idle
    assert.equal(await threadsAt('127.0.0.1', port), [0, 1, 2])
    assert.equal(await threadsAt('127.0.0.2', port), [0])
  })
})

test('a port that another process has is an error, though both would share it', async () => {
  const port = await freePort()
  const other = createSocket({ type: 'udp4', reusePort: true })
  other.bind(port, '127.0.0.1')
  await once(other, 'listening')
  try {
    const text = await startThreads(`.:${port} {\nbind 127.0.0.1\nmultisocket 2\nhavoc\n}\n`).then(
      () => 'started',
      cause => cause.message,
    )
    assert.match(text, /^cannot listen on udp "127\.0\.0\.1:\d+": the port is in use/)
  } finally {
    other.close()
  }
})

test('over TCP a connection stays with its thread', async () => {
  await withThreads('. {\nbind 127.0.0.1\nmultisocket 2\nhavoc\n}\n', async server => {
    assert.is((await census(server, 'tcp')).size, 2)
  })
})

test.run()
