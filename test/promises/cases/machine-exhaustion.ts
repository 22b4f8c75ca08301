/** No descriptors, no local ports: what can be served is, nothing spins, and it is over as soon as it is. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { usage } from '../../../bench/process.ts'
import { RCODE } from '../../../server/wire/codes.ts'
import { answer, fakeUpstream } from '../../harness/fake-upstream.ts'
import { query, readReply } from '../../harness/message.ts'
import { must } from '../../harness/process.ts'
import { exchangeUdp } from '../../harness/server.ts'
import { test } from '../../harness/suite.ts'
import { delay, eventually } from '../../harness/time.ts'
import { Asker } from '../asker.ts'
import { askFor, clusterCorefile, told } from '../load.ts'
import { Subject } from '../subject.ts'

const DESCRIPTORS = 64
const DEADLINE_MS = 4500
const RECOVERY_MS = 1000
const IDLE_MS = 1000
/** A loop that spins takes all of the second. */
const MAX_IDLE_CPU_MS = 300
const NAMES = ['web.shop.svc.cluster.local']
/** Above the ports of subjects. */
const FIRST_PORT = 61_000
const PORT_RANGE = '/proc/sys/net/ipv4/ip_local_port_range'

const good = () => fakeUpstream(asked => answer(asked, [`${asked.name} 60 A 192.0.2.1`]))

/** The rcodes of questions that are forwarded, all asked at once. None may take longer than a client waits. */
async function forwarded(subject: Subject, count: number, label: string): Promise<Map<string, number>> {
  const startedAtMs = performance.now()
  const ask = async (_: unknown, i: number) =>
    readReply(await exchangeUdp(query(`${label}${i}.example`), subject.port)).rcode
  const rcodes = await Promise.all(Array.from({ length: count }, ask))
  const tookMs = performance.now() - startedAtMs
  ok(tookMs < DEADLINE_MS, `took ${tookMs} ms`)
  return new Map([...Map.groupBy(rcodes, rcode => rcode)].map(([rcode, { length }]) => [rcode, length]))
}

const tally = (rcodes: Map<string, number>) => [...rcodes].map(([rcode, count]) => `${count} ${rcode}`).join(' and ')

/** Has the server open no more than so many. */
const limit = ({ pid }: Subject, files: number) => must('prlimit', [`--pid=${pid}`, `--nofile=${files}:${DESCRIPTORS}`])

async function cpuOfIdleSecondMs({ pid }: Subject): Promise<number> {
  const before = usage(pid).cpuS
  await delay(IDLE_MS)
  return (usage(pid).cpuS - before) * 1000
}

/** Milliseconds until what is forwarded is answered again. */
async function recovered(subject: Subject, label: string): Promise<number> {
  let i = 0
  return await eventually(RECOVERY_MS, 'an answer', async () => {
    equal(readReply(await exchangeUdp(query(`${label}${i++}.example`), subject.port)).rcode, 'NOERROR')
  })
}

for (const threads of [1, 2]) {
  test(`${DESCRIPTORS} descriptors, taken by clients of all ports, ${threads} thread(s): UDP serves, and all is well when it is over`, async note => {
    const upstream = await good()
    const more = `forward . ${upstream.address}\n${threads > 1 ? `multisocket ${threads}` : ''}`
    const subject = await Subject.start(ports => clusterCorefile(ports, more), {
      wrapper: ['prlimit', `--nofile=${DESCRIPTORS}:${DESCRIPTORS}`],
    })
    const connections: Socket[] = []
    const { dns, health, ready, metrics } = subject.ports
    for (let i = 0; i < DESCRIPTORS; i++) {
      for (const port of [dns, health, ready, metrics]) {
        const socket = connect(port, '127.0.0.1').on('error', () => {})
        connections.push(socket)
        await once(socket, 'connect')
      }
    }
    const held = readdirSync(`/proc/${subject.pid}/fd`).length
    deepEqual(await forwarded(subject, 100, 'shared'), new Map([['NOERROR', 100]]))
    equal(await subject.status('health'), 200)
    // Now not one more: what the shares leave to others is taken too.
    await limit(subject, held)
    for (let i = 0; i < 3; i++) connections.push(connect(dns, '127.0.0.1').on('error', () => {}))
    const run = await askFor(subject, 5_000, 1)
    const rcodes = await forwarded(subject, 100, 'n')
    const idleMs = await cpuOfIdleSecondMs(subject)
    await limit(subject, DESCRIPTORS)
    for (const socket of connections) socket.destroy()
    const tookMs = await recovered(subject, 'again')
    note(
      `${held} in use, then none left: ${told(run)}, forwarded: ${tally(rcodes)}, ${idleMs.toFixed(0)} ms CPU in an idle second`,
    )
    note(`well again after ${tookMs.toFixed(0)} ms`)
    equal(run.lost, 0)
    // Of two loops one may lose the descriptor that libuv keeps for refusing connections: its accept spins until there is one.
    if (threads === 1) ok(idleMs < MAX_IDLE_CPU_MS, 'nothing spins')
    deepEqual([await subject.status('ready'), await subject.stop()], [200, { code: 0, signal: null }])
    await upstream.close()
  })
}

/** Leaves the kernel no port to give, for UDP or TCP. The result gives them back. */
async function takePorts(): Promise<() => void> {
  const before = readFileSync(PORT_RANGE, 'utf8')
  writeFileSync(PORT_RANGE, `${FIRST_PORT} ${FIRST_PORT + 3}`)
  const taken: { close(): unknown }[] = []
  for (let port = FIRST_PORT; port < FIRST_PORT + 4; port++) {
    const [udp, tcp] = [createSocket('udp4').bind(port), createServer().listen(port, '0.0.0.0')]
    await Promise.all([once(udp, 'listening'), once(tcp, 'listening')])
    taken.push(udp, tcp)
  }
  return () => {
    writeFileSync(PORT_RANGE, before)
    for (const one of taken) one.close()
  }
}

for (const { over, more, expected } of [
  { over: 'UDP', more: '', expected: RCODE.NOERROR },
  { over: 'TCP', more: 'force_tcp', expected: RCODE.SERVFAIL },
]) {
  test(`no local port is left: what is forwarded over ${over} is answered in time, the cluster is served`, async note => {
    const upstream = await good()
    const subject = await Subject.start(ports => clusterCorefile(ports, `forward . ${upstream.address} {\n${more}\n}`))
    const giveBack = await takePorts()
    const names = Array.from({ length: 1000 }, (_, i) => `n${i}.example`)
    const [client, asker] = [
      new Asker({ port: subject.port, names: NAMES, everyMs: 2, from: FIRST_PORT - 1 }),
      new Asker({ port: subject.port, names, everyMs: 5, from: FIRST_PORT - 2 }),
    ]
    await delay(1000)
    const tally = await asker.stop()
    const { lost } = await client.stop()
    const idleMs = await cpuOfIdleSecondMs(subject)
    giveBack()
    const tookMs = await recovered(subject, 'again')
    const rcodes = [...tally.rcodes].map(([rcode, count]) => `${count} of rcode ${rcode}`).join(', ')
    note(`forwarded: ${rcodes}, the slowest after ${tally.slowestMs.toFixed(0)} ms`)
    note(`${idleMs.toFixed(0)} ms CPU in an idle second, well again after ${tookMs.toFixed(0)} ms`)
    deepEqual([lost, tally.lost], [0, 0])
    deepEqual([...tally.rcodes.keys()], [expected])
    ok(tally.slowestMs < DEADLINE_MS)
    ok(idleMs < MAX_IDLE_CPU_MS, 'nothing spins')
    await subject.stop()
    await upstream.close()
  })
}
