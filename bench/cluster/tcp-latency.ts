/** Latency over one TCP connection, of answers as long as they get: dnsperf reads no more than 16 KiB of one. */
import { connect } from 'node:net'
import { streamEncode } from 'dns-packet'
import type { Target } from '../dnsperf.ts'

const LONG_BYTES = 65_000

/** Asks at a steady pace, whether or not answers came; milliseconds of each answer of over 65,000 octets. */
export async function tcpLatenciesMs(
  { address, port }: Target,
  name: string,
  perSecond: number,
  seconds: number,
): Promise<number[]> {
  const socket = connect({ host: address, port, noDelay: true })
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  const total = perSecond * seconds
  const sentAtMs: number[] = []
  const tookMs: number[] = []
  let pending = Buffer.alloc(0)
  let answered = 0
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk])
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const length = pending.readUInt16BE(0)
      if (length > LONG_BYTES) tookMs.push(performance.now() - sentAtMs[pending.readUInt16BE(2)]!)
      pending = pending.subarray(2 + length)
      answered++
    }
  })
  const startMs = performance.now()
  while (answered < total && performance.now() - startMs < (seconds + 5) * 1000) {
    const due = Math.min(total, ((performance.now() - startMs) / 1000) * perSecond)
    while (sentAtMs.length < due) {
      const id = sentAtMs.length
      sentAtMs.push(performance.now())
      socket.write(streamEncode({ type: 'query', id, flags: 0x100, questions: [{ name, type: 'A', class: 'IN' }] }))
    }
    await new Promise(resolve => setTimeout(resolve, 1))
  }
  socket.destroy()
  return tookMs
}
