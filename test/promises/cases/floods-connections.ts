/** Floods of TCP connections, and of clients that hold on to what they have: names of the cluster are answered over UDP. */
import { equal, ok } from 'node:assert/strict'
import { messageOf } from '../../../bench/messages.ts'
import { framed } from '../../harness/frames.ts'
import { type Note, test } from '../../harness/suite.ts'
import { delay, eventually } from '../../harness/time.ts'
import { allClosed, end, type Flooder, openMany, timesOpenMs } from '../connections.ts'
import { judge, whileFlooded } from '../flood.ts'
import { clusterCorefile } from '../load.ts'
import { isLong, Subject } from '../subject.ts'

const TIMEOUT = { timeoutMs: isLong ? 200_000 : 60_000 }
const FIRST_READ_MS = 3000
/** A wheel's tick, and turns of a loop that is busy: half of them are closed by then. */
const LATE_MS = 500
/** The last of thousands, as a client sees it that has no processor to itself. */
const LAST_MS = 1500
/** The server counts from when it accepted, which a client may see late. */
const EARLY_MS = 500
const question = framed(messageOf({ name: 'web.shop.svc.cluster.local', type: 'A' }))

/** Not closed before their time, nor long after it. */
function judgeTimes(note: Note, flooders: readonly Flooder[]): void {
  const { shortestMs, middleMs, longestMs } = timesOpenMs(flooders)
  const told = [shortestMs, middleMs, longestMs].map(ms => (ms / 1000).toFixed(2)).join(', ')
  note(`closed after ${told} s (first, middle, last)`)
  ok(shortestMs >= FIRST_READ_MS - EARLY_MS, told)
  ok(middleMs <= FIRST_READ_MS + LATE_MS, told)
  ok(longestMs <= FIRST_READ_MS + LAST_MS, told)
}

const SILENT = isLong ? 10_000 : 2000
test(
  `${SILENT} silent TCP connections: closed after 3 s, 20 KB each at most, no reply lost`,
  async note => {
    const subject = await Subject.start(ports => clusterCorefile(ports))
    let kbEach = 0
    const run = await whileFlooded(subject, isLong ? 10 : 3, async () => {
      await delay(300)
      const beforeBytes = subject.rssBytes
      const flooders = await openMany(subject, SILENT)
      kbEach = (subject.rssBytes - beforeBytes) / 1024 / SILENT
      ok(await allClosed(flooders, FIRST_READ_MS + 10_000), 'all are closed')
      judgeTimes(note, flooders)
    })
    judge(note, run, 128)
    note(`${kbEach.toFixed(1)} KB each`)
    ok(kbEach <= 20)
    const metrics = await subject.metrics()
    equal(metrics.sum('sextant_tcp_closed_total', { reason: 'first-read' }), SILENT)
    equal(metrics.sum('sextant_tcp_connections'), 0)
    await subject.stop()
  },
  TIMEOUT,
)

const TRICKLING = isLong ? 2000 : 300
test(
  `${TRICKLING} clients that send an octet each 250 ms: closed after 3.5 s, no reply lost`,
  async note => {
    const subject = await Subject.start(ports => clusterCorefile(ports))
    const run = await whileFlooded(subject, isLong ? 8 : 3, async () => {
      await delay(300)
      const flooders = await openMany(subject, TRICKLING)
      let sent = 0
      const timer = setInterval(() => {
        for (const { socket, closedMs } of flooders) if (closedMs === 0) socket.write(question.subarray(sent, sent + 1))
        sent++
      }, 250)
      ok(await allClosed(flooders, FIRST_READ_MS + 10_000), 'all are closed')
      clearInterval(timer)
      judgeTimes(note, flooders)
    })
    judge(note, run, 64)
    equal((await subject.metrics()).sum('sextant_tcp_closed_total', { reason: 'first-read' }), TRICKLING)
    await subject.stop()
  },
  TIMEOUT,
)

const HALF = isLong ? 5000 : 700
const HALF_BYTES = 64_000
test(
  `${HALF} clients that send half messages of 64 KB: 32 MiB are held, no reply lost`,
  async note => {
    const subject = await Subject.start(ports => clusterCorefile(ports))
    const half = Buffer.alloc(HALF_BYTES)
    half.writeUInt16BE(65_000)
    let held = 0
    const run = await whileFlooded(subject, isLong ? 8 : 2, async () => {
      await delay(300)
      const flooders = await openMany(subject, HALF, ({ socket }) => socket.write(half))
      // Clients come one after the other, and each has its first read for only so long.
      await eventually(FIRST_READ_MS, 'clients that lose theirs', async () => {
        const metrics = await subject.metrics()
        held = Math.max(held, metrics.sum('sextant_tcp_waiting_bytes')!)
        ok((metrics.sum('sextant_tcp_closed_total', { reason: 'memory' }) ?? 0) > 0)
      })
      if (isLong) ok(await allClosed(flooders, FIRST_READ_MS + 10_000), 'all are closed')
      end(flooders)
    })
    judge(note, run, 100)
    const shed = (await subject.metrics()).sum('sextant_tcp_closed_total', { reason: 'memory' }) ?? 0
    note(`${(held / (1 << 20)).toFixed(0)} MiB held, ${shed} closed for it`)
    ok(held <= 32 << 20)
    ok(held > 24 << 20, 'nobody loses before there is no room')
    await subject.stop()
  },
  TIMEOUT,
)

const DEAF = isLong ? 1000 : 150
const WRITE_S = isLong ? 5 : 2
const ADDRESSES_OF_BIG = 1900
/** A name with so many addresses that a reply has 30 KB. */
const big = Array.from({ length: ADDRESSES_OF_BIG }, (_, i) => `10.9.${i >> 8}.${i & 255} big.test`).join('\n')
const bigQuestions = framed(...Array.from({ length: 400 }, () => messageOf({ name: 'big.test', type: 'A' })))
test(
  `${DEAF} clients that ask for 12 MB each and read nothing: reset after ${WRITE_S} s, 32 MiB are held, no reply lost`,
  async note => {
    const more = `timeouts {\nwrite ${WRITE_S}\n}\nhosts {\n${big}\nfallthrough\n}\n`
    const subject = await Subject.start(ports => clusterCorefile(ports, more))
    let held = 0
    const run = await whileFlooded(subject, isLong ? 12 : 3, async () => {
      await delay(300)
      const flooders = await openMany(subject, DEAF, ({ socket }) => socket.pause().write(bigQuestions))
      for (let i = 0; i < 6; i++) {
        held = Math.max(held, (await subject.metrics()).sum('sextant_tcp_waiting_bytes')!)
        await delay(100)
      }
      await eventually(
        20_000,
        'no connection',
        async () => {
          equal((await subject.metrics()).sum('sextant_tcp_connections'), 0)
        },
        100,
      )
      end(flooders)
    })
    judge(note, run, 100)
    const metrics = await subject.metrics()
    const shed = metrics.sum('sextant_tcp_closed_total', { reason: 'memory' }) ?? 0
    const stuck = metrics.sum('sextant_tcp_closed_total', { reason: 'write' }) ?? 0
    note(`${(held / (1 << 20)).toFixed(0)} MiB held, ${shed} closed for it, ${stuck} after ${WRITE_S} s`)
    equal(shed + stuck, DEAF)
    ok(held <= 32 << 20)
    await subject.stop()
  },
  TIMEOUT,
)

const STORM_S = isLong ? 20 : 2
test(
  `connections that are opened and closed at once for ${STORM_S} s: no reply lost`,
  async note => {
    const subject = await Subject.start(ports => clusterCorefile(ports))
    let opened = 0
    const run = await whileFlooded(subject, STORM_S, async () => {
      for (const endMs = performance.now() + STORM_S * 1000; performance.now() < endMs; ) {
        const flooders = await openMany(subject, 200, ({ socket }) => socket.resetAndDestroy())
        opened += flooders.length
      }
    })
    judge(note, run, 48)
    note(`${(opened / STORM_S).toFixed(0)} connections a second`)
    equal((await subject.metrics()).sum('sextant_tcp_connections'), 0)
    await subject.stop()
  },
  TIMEOUT,
)
