/**
 * One TCP connection that asks for a name whose upstream takes half a second, and for names of the cluster right behind it:
 * how long these wait.
 */
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { streamEncode } from 'dns-packet'
import { percentile } from '../ask.ts'
import { clusterCorefile } from '../cluster/corefile.ts'
import { dnsperf, type Target } from '../dnsperf.ts'
import { freshLabel } from '../forward/names.ts'
import type { Question } from '../mix.ts'
import type { Settings } from '../settings.ts'
import type { Sides } from '../sides.ts'
import type { Row } from '../table.ts'
import { type Column, inTurns, mediansOf } from '../turns.ts'
import { clusterSource, KUBE_SIZE, settle, writeMix } from './kube.ts'

const UPSTREAM_MS = 500
const BEHIND = 50
const WAIT_MS = 10_000

interface Waits {
  readonly slowMs: number
  readonly behindMs: readonly number[]
}
const COLUMNS: readonly Column<Waits>[] = [
  { unit: 'the slow name, ms', better: 'lower', of: ({ slowMs }) => slowMs },
  { unit: 'names behind it, p50 ms', better: 'lower', of: ({ behindMs }) => percentile(behindMs, 0.5) },
  { unit: 'names behind it, slowest ms', better: 'lower', of: ({ behindMs }) => percentile(behindMs, 1) },
]

export async function measureSlow(sides: Sides, settings: Settings): Promise<Row[]> {
  const upstream = await openSlow()
  const source = await clusterSource(sides, settings, KUBE_SIZE)
  const corefile = clusterCorefile(source, { upstream: `127.0.0.1:${upstream.port}`, forward: ['prefer_udp'] })
  const targets = [await sides.sextant(corefile), await sides.coredns(corefile)]
  const mix = writeMix(sides)
  for (const target of targets) {
    if (target === undefined) continue
    await settle(target, mix)
    await dnsperf(target, { file: mix.file, seconds: 1, tcp: true, clients: 1 })
  }
  const runs = await inTurns(targets, settings.rounds, target => askBehind(target, mix.questions))
  upstream.close()
  return mediansOf(`one connection, behind a name of ${UPSTREAM_MS} ms`, COLUMNS, runs)
}

/** An upstream that gives every name one address, late. */
async function openSlow(): Promise<{ port: number; close: () => void }> {
  const socket = createSocket('udp4')
  let isOpen = true
  const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1])
  socket.on('message', (query, from) => {
    const end = query.indexOf(0, 12) + 5 // the question's root label, its type and class
    const reply = Buffer.concat([query.subarray(0, end), answer])
    reply.writeUInt16BE(0x8180, 2) // QR, RD, RA
    reply.set([0, 1, 0, 1, 0, 0, 0, 0], 4)
    setTimeout(() => isOpen && socket.send(reply, from.port, from.address), UPSTREAM_MS)
  })
  await new Promise<void>(resolve => socket.bind(0, '127.0.0.1', resolve))
  const close = () => {
    isOpen = false
    socket.close()
  }
  return { port: socket.address().port, close }
}

/** Milliseconds of each reply; the question with id 0 is the slow one. */
function askBehind({ name, address, port }: Target, questions: readonly Question[]): Promise<Waits> {
  const asked = [{ name: `${freshLabel()}.slow.example`, type: 'A' }, ...questions.slice(0, BEHIND)]
  const framed = asked.map(({ name: qname, type }, id) =>
    streamEncode({
      type: 'query',
      id,
      flags: 0x100,
      questions: [{ name: qname, type: type as 'A', class: 'IN' }],
    }),
  )
  const socket = connect({ host: address, port, noDelay: true })
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => {
      socket.destroy()
      reject(new Error(`${name}: no reply to each of ${asked.length} queries over TCP`, { cause }))
    }
    const timer = setTimeout(() => fail(new Error(`not in ${WAIT_MS} ms`)), WAIT_MS)
    const tookMs: number[] = []
    let startMs = 0
    let pending = Buffer.alloc(0)
    socket.once('connect', () => {
      startMs = performance.now()
      socket.write(Buffer.concat(framed))
    })
    socket.on('error', fail)
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk])
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        tookMs[pending.readUInt16BE(2)] = performance.now() - startMs
        pending = pending.subarray(2 + pending.readUInt16BE(0))
      }
      if (Object.keys(tookMs).length < asked.length) return
      clearTimeout(timer)
      socket.destroy()
      if (tookMs[0]! < UPSTREAM_MS - 1) fail(new Error(`the slow name took ${tookMs[0]} ms`))
      resolve({ slowMs: tookMs[0]!, behindMs: tookMs.slice(1) })
    })
  })
}
