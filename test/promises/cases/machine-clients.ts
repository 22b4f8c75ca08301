/** Clients of the endpoints that hang: they keep neither the kubelet nor Prometheus from an answer, nor DNS clients. */
import { equal, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from '../../harness/suite.ts'
import { delay } from '../../harness/time.ts'
import { askFor, clusterCorefile, told } from '../load.ts'
import { isLong, Subject } from '../subject.ts'

const SECONDS = isLong ? 20 : 3
const EACH = 300
/** A kubelet waits so long. */
const SLOWEST_MS = 1000
const MIB = 1 << 20
const GROWTH_BYTES = 48 * MIB

const KINDS = [
  { name: 'say nothing', first: '', more: '' },
  { name: 'send their request an octet at a time', first: 'GET /metrics HTTP/1.1\r\n', more: 'x' },
  { name: 'take no response', first: 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(3), more: '' },
]

for (const { name, first, more } of KINDS) {
  test(`${EACH} clients of each endpoint ${name}: health, ready and metrics answer, and nothing is lost`, async note => {
    const subject = await Subject.start(ports => clusterCorefile(ports))
    await subject.metrics()
    const rss = subject.rssBytes
    const load = askFor(subject, 10_000, SECONDS)
    await delay(500)
    const { health, ready, metrics } = subject.ports
    const sockets: Socket[] = []
    for (let i = 0; i < EACH; i++) {
      for (const port of [health, ready, metrics]) {
        const socket = connect(port, '127.0.0.1').pause()
        socket.on('error', () => {}) // told by the server's side
        sockets.push(socket)
        await once(socket, 'connect')
        socket.write(first)
      }
    }
    let slowestMs = 0
    const trickle = setInterval(() => {
      for (const socket of sockets) if (more !== '' && !socket.destroyed) socket.write(more)
    }, 250)
    const timed = async <T>(asked: Promise<T>): Promise<T> => {
      const startedAtMs = performance.now()
      const reply = await asked
      slowestMs = Math.max(slowestMs, performance.now() - startedAtMs)
      return reply
    }
    for (let i = 0; i < 10; i++) {
      equal(await timed(subject.status('health')), 200)
      equal(await timed(subject.status('ready')), 200)
      ok((await timed(subject.metrics())).names.has('coredns_build_info'))
      await delay(100)
    }
    clearInterval(trickle)
    const grown = subject.rssBytes - rss
    for (const socket of sockets) socket.destroy()
    const run = await load
    note(`${told(run)}, the slowest of them ${slowestMs.toFixed(0)} ms, RSS + ${(grown / MIB).toFixed(0)} MiB`)
    equal(run.lost, 0)
    ok(slowestMs < SLOWEST_MS)
    ok(grown < GROWTH_BYTES)
    await subject.stop()
  })
}
