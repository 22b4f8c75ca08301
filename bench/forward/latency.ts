/**
 * Latency that a forwarder adds: one question at a time, put to the upstream and to each forwarder in turns, so that
 * whatever else slows the machine down is in all of them and cancels out.
 */
import { createSocket, type Socket } from 'node:dgram'
import { encode, type Packet } from 'dns-packet'
import { percentile } from '../ask.ts'
import type { Target } from '../dnsperf.ts'
import { forwardCorefile } from '../peers/corefile.ts'
import { startKnot } from '../peers/knot.ts'
import { startUnbound } from '../peers/unbound.ts'
import type { Sides } from '../sides.ts'
import type { Row } from '../table.ts'
import { type Column, rowsOf } from '../turns.ts'
import { freshLabel, WILD_ZONE, wildZones } from './names.ts'

const WARM_UP = 2_000
const ROUNDS = 20_000
const WAIT_MS = 2_000

interface Added {
  readonly p50Us: number
  readonly p90Us: number
}
const COLUMNS: readonly Column<Added>[] = [
  { unit: 'added p50 µs', better: 'lower', of: found => found.p50Us },
  { unit: 'added p90 µs', better: 'lower', of: found => found.p90Us },
]

export async function measureLatency(sides: Sides): Promise<Row[]> {
  const knot = await startKnot(sides, wildZones)
  const corefile = forwardCorefile({ upstream: `127.0.0.1:${knot.port}`, forward: ['max_concurrent 1000'] })
  const forwarders = [
    await sides.sextant(corefile),
    await sides.coredns(corefile),
    await startUnbound(sides, knot.port),
  ] as const
  const [direct, ...through] = await askInTurns([knot, ...forwarders])
  const p50Us = percentile(direct!, 0.5)
  const p90Us = percentile(direct!, 0.9)
  const added = through.map(tookUs =>
    tookUs === undefined
      ? undefined
      : { p50Us: percentile(tookUs, 0.5) - p50Us, p90Us: percentile(tookUs, 0.9) - p90Us },
  )
  return rowsOf(`forward, no cache (direct: p50 ${p50Us.toFixed(0)} µs)`, COLUMNS, added)
}

/** Microseconds of every answer by server, names all different. */
async function askInTurns(targets: readonly (Target | undefined)[]): Promise<(number[] | undefined)[]> {
  const sockets = await Promise.all(targets.map(target => target && connected(target)))
  const tookUs = targets.map(target => (target === undefined ? undefined : ([] as number[])))
  const run = freshLabel()
  for (let i = 0; i < WARM_UP + ROUNDS; i++) {
    for (const [side, socket] of sockets.entries()) {
      if (socket === undefined) continue
      const took = await ask(socket, i & 0xffff, `n${i}-${run}.one.${WILD_ZONE}`)
      if (i >= WARM_UP) tookUs[side]!.push(took)
    }
  }
  for (const socket of sockets) socket?.close()
  return tookUs
}

async function connected({ address, port }: Target): Promise<Socket> {
  const socket = createSocket('udp4')
  await new Promise<void>(resolve => socket.connect(port, address, resolve))
  return socket
}

/** Microseconds until the answer came. */
function ask(socket: Socket, id: number, name: string): Promise<number> {
  const questions = [{ name, type: 'A', class: 'IN' }]
  const message = encode({ type: 'query', id, flags: 0x100, questions } as unknown as Packet)
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer to ${name} in ${WAIT_MS} ms`)), WAIT_MS)
    socket.once('message', reply => {
      const tookUs = (performance.now() - startMs) * 1000
      clearTimeout(timer)
      if (reply.readUInt16BE(0) !== id || (reply[3]! & 15) !== 0) reject(new Error(`${name}: not the answer`))
      resolve(tookUs)
    })
    const startMs = performance.now()
    socket.send(message)
  })
}
