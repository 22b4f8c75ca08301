/**
 * Latency as a client sees it, at a steady pace: sends whether or not replies came (so that a slow server cannot slow the
 * questions down) and takes the time of each reply. Runs in a process of its own:
 * node bench/latency.ts ADDRESS PORT QUERIES_FILE PER_SECOND SECONDS → a line of JSON.
 */
import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { encode, type Packet } from 'dns-packet'

const [address = '127.0.0.1', port = '1053', file = '', perSecond = '1000', seconds = '5'] = process.argv.slice(2)
const messages = readFileSync(file, 'utf8')
  .split('\n', 20_000)
  .filter(line => line !== '')
  .map(line => {
    const [name, type] = line.split(' ')
    return encode({ type: 'query', id: 0, flags: 0x100, questions: [{ name, type, class: 'IN' }] } as unknown as Packet)
  })

const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 })
const sentAtMs = new Float64Array(65_536)
const latenciesMs: number[] = []
socket.on('message', reply => {
  const id = reply.readUInt16BE(0)
  if (sentAtMs[id] === 0) return
  latenciesMs.push(performance.now() - sentAtMs[id]!)
  sentAtMs[id] = 0
})
socket.on('error', () => {})

const total = Number(perSecond) * Number(seconds)
socket.connect(Number(port), address, () => {
  const startMs = performance.now()
  let sent = 0
  const timer = setInterval(() => {
    const due = Math.min(total, ((performance.now() - startMs) / 1000) * Number(perSecond))
    for (; sent < due; sent++) {
      const message = messages[sent % messages.length]!
      const id = sent & 0xffff
      message.writeUInt16BE(id, 0)
      sentAtMs[id] = performance.now()
      socket.send(message)
    }
    if (sent < total) return
    clearInterval(timer)
    setTimeout(report, 500)
  }, 1)
})

function report(): void {
  const sorted = Float64Array.from(latenciesMs).sort()
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
  const result = { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1), lost: total - sorted.length }
  process.stdout.write(`${JSON.stringify(result)}\n`)
  socket.close()
}
