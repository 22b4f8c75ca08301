/** Floods that go on to upstreams: names without end, and questions that nobody answers. */
import { equal, ok } from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type PacedRun, paced } from '../../../bench/client/paced.ts'
import { messageOf } from '../../../bench/messages.ts'
import { RCODE } from '../../../server/wire/codes.ts'
import { framed } from '../../harness/frames.ts'
import { test } from '../../harness/suite.ts'
import { delay } from '../../harness/time.ts'
import { type Flooded, judge, whileFlooded } from '../flood.ts'
import { clusterCorefile } from '../load.ts'
import { isLong, Subject } from '../subject.ts'
import { startUpstream } from '../upstream.ts'

const TIMEOUT = { timeoutMs: isLong ? 200_000 : 60_000 }
const FLOOD_S = isLong ? 60 : 2.5
const PER_SECOND = 5000
const MAX_GROWN_MIB = 64

/** Names below `zone`, each once in `count`. */
function randomNames(zone: string, count: number): string {
  return Array.from({ length: count }, () => `${crypto.randomUUID().slice(0, 13)}.${zone} A\n`).join('')
}

/** Asks for what stands in a file, until a second before the end. */
function ask({ name, address, port, pid }: Subject, file: string, perSecond: number): Promise<PacedRun> {
  return paced({ name, address, port, pid }, { file, perSecond, seconds: FLOOD_S - 1 })
}

function rcodesOf({ rcodes, lost }: PacedRun): string {
  return `${[...rcodes].map(([rcode, count]) => `${count} ${rcode}`).join(', ')}, ${lost} without reply`
}

/** Nearly all are denied: the upstream shares the processors. */
function areDenied({ answered, lost, rcodes }: PacedRun): boolean {
  const denied = rcodes.get('NXDOMAIN') ?? 0
  return denied >= 0.95 * (answered + lost)
}

/** More than wait at a time: these are turned away at once, and none is answered. */
function areTurnedAway({ answered, rcodes }: PacedRun): boolean {
  const [refused, failed] = [rcodes.get('REFUSED') ?? 0, rcodes.get('SERVFAIL') ?? 0]
  return refused > failed && refused + failed === answered
}

const UPSTREAMS = [
  { name: 'at an upstream that denies them', rcode: RCODE.NXDOMAIN, isAsItShould: areDenied },
  { name: 'at a silent upstream', rcode: undefined, isAsItShould: areTurnedAway },
]
for (const { name, rcode, isAsItShould } of UPSTREAMS) {
  test(
    `${PER_SECOND} random names a second ${name}: no reply for the cluster lost, ${MAX_GROWN_MIB} MiB more at most`,
    async note => {
      const upstream = await startUpstream(rcode)
      const more = `cache\nforward . ${upstream.address}\n`
      const subject = await Subject.start(ports => clusterCorefile(ports, more))
      const file = join(subject.folder, 'random')
      writeFileSync(file, randomNames('flood.test', Math.min(100_000, PER_SECOND * FLOOD_S)))
      let random: PacedRun | undefined
      const run = await whileFlooded(subject, FLOOD_S, async () => {
        random = await ask(subject, file, PER_SECOND)
      })
      judge(note, run, MAX_GROWN_MIB)
      const told = rcodesOf(random!)
      note(`random names: ${told}`)
      ok(isAsItShould(random!), told)
      upstream.close()
      await subject.stop()
    },
    TIMEOUT,
  )
}

const WAITING = 1500
const WELL = isLong ? 2000 : 500

/** One client fills what may wait at a silent upstream, while another one asks a well one. */
async function withGreedy(
  subject: Subject,
  greedy: (messages: readonly Buffer[], keepOn: () => boolean) => Promise<unknown>,
): Promise<{ run: Flooded; well: PacedRun; most: number }> {
  const file = join(subject.folder, 'well')
  writeFileSync(file, randomNames('well.test', 5000))
  const messages = Array.from({ length: WAITING }, (_, i) => messageOf({ name: `n${i}.silent.test`, type: 'A' }))
  let well: PacedRun | undefined
  let most = 0
  let isOver = false
  const run = await whileFlooded(subject, FLOOD_S, async () => {
    const flood = greedy(messages, () => !isOver)
    const watch = (async () => {
      for (; !isOver; await delay(200))
        most = Math.max(most, (await subject.metrics()).sum('sextant_waiting_queries') ?? 0)
    })()
    await delay(500)
    well = await ask(subject, file, WELL)
    isOver = true
    await Promise.all([flood, watch])
  })
  return { run, well: well!, most }
}

const OVER = ['UDP', 'TCP'] as const
for (const over of OVER) {
  test(
    `${WAITING} queries of one client over ${over} wait for a silent upstream: others are answered, at once`,
    async note => {
      const [silent, good] = await Promise.all([startUpstream(undefined), startUpstream(RCODE.NOERROR)])
      const zones = [`forward silent.test ${silent.address}`, `forward well.test ${good.address}`]
      const more = zones.map(zone => `${zone} {\nmax_concurrent 1600\n}\n`).join('')
      const subject = await Subject.start(ports => clusterCorefile(ports, `cache\n${more}`))
      const { run, well, most } = await withGreedy(subject, over === 'UDP' ? overUdp(subject) : overTcp(subject))
      judge(note, run, 80)
      note(`${most} waited`)
      note(`the other client: p50 ${(well.p50Us / 1000).toFixed(2)} ms, p99 ${(well.p99Us / 1000).toFixed(2)} ms`)
      ok(most >= 900, `${most} waited`)
      ok(most <= 1650, `${most} waited`)
      equal(well.lost, 0)
      equal(well.rcodes.get('NOERROR'), well.answered)
      silent.close()
      good.close()
      await subject.stop()
    },
    TIMEOUT,
  )
}

function overUdp({ port, address }: Subject) {
  return async (messages: readonly Buffer[], keepOn: () => boolean): Promise<void> => {
    const socket = createSocket('udp4').bind(0, '127.0.0.2')
    await once(socket, 'listening')
    for (; keepOn(); await delay(500)) for (const message of messages) socket.send(message, port, address)
    socket.close()
  }
}

/** On two connections: one alone may have 1,024 waiting. */
function overTcp({ port, address }: Subject) {
  return async (messages: readonly Buffer[], keepOn: () => boolean): Promise<void> => {
    const sockets = [0, 1].map(() => connect({ port, host: address, localAddress: '127.0.0.2' }))
    for (const socket of sockets) {
      socket.on('error', () => {})
      socket.resume()
      await once(socket, 'connect')
    }
    for (let turn = 0; keepOn(); turn++, await delay(500)) {
      if (turn % 10 > 0) continue
      sockets[0]!.write(framed(...messages.slice(0, 750)))
      sockets[1]!.write(framed(...messages.slice(750)))
    }
    for (const socket of sockets) socket.destroy()
  }
}
