/** A headless service with 10,000 endpoints: how soon a change shows, and what asking for it costs. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Asker, percentile, showing } from '../ask.ts'
import { latencies } from '../latencies.ts'
import type { Settings } from '../settings.ts'
import type { Sides, Started } from '../sides.ts'
import type { Row } from '../table.ts'
import { clusterCorefile } from './corefile.ts'
import { PER_SLICE, WIDE_NAME } from './objects.ts'
import { tcpLatenciesMs } from './tcp-latency.ts'

const ENDPOINTS = 10_000
const SERVICES = 1_000
const CHANGES = 200
const UDP_PER_S = 1_000
const TCP_PER_S = 50
const LONGEST_S = 10
const NAME = `${WIDE_NAME}.team-0.svc.cluster.local`
const WORK = `headless, ${ENDPOINTS.toLocaleString('en')} endpoints`

export async function measureHeadless(sides: Sides, { longSeconds }: Settings): Promise<Row[]> {
  const seconds = Math.min(longSeconds, LONGEST_S)
  const replay = await sides.replay({ namespaces: 20, services: SERVICES, wide: ENDPOINTS })
  const file = join(sides.folder, 'wide')
  writeFileSync(file, `${NAME} A\n`)
  const found: (number[] | undefined)[] = []
  const corefile = clusterCorefile(replay.source)
  for (const which of ['sextant', 'coredns'] as const) {
    const target = await sides[which](corefile)
    if (!target) {
      found.push(undefined)
      continue
    }
    const changes = await showing(target, visibleAfterMs(target, replay.url))
    const udp = await latencies(target, { file, seconds, pace: UDP_PER_S })
    const tcp = await tcpLatenciesMs(target, NAME, TCP_PER_S, seconds)
    found.push([
      percentile(changes, 0.5),
      percentile(changes, 0.99),
      udp.p99Ms,
      udp.lost,
      percentile(tcp, 0.99),
      tcp.length,
    ])
    sides.stop(target)
  }
  const units = [
    'a change shows after ms, p50',
    'a change shows after ms, p99',
    `UDP ${UDP_PER_S}/s, p99 ms`,
    `UDP ${UDP_PER_S}/s, lost`,
    `TCP ${TCP_PER_S}/s, p99 ms`,
    `TCP ${TCP_PER_S}/s, answers of over 65,000 octets`,
  ]
  return units.map((unit, i) => ({
    work: WORK,
    unit,
    better: 'lower',
    figures: found.map(figures => figures?.[i] ?? Number.NaN),
  }))
}

/** Milliseconds from the API server's answer to a change until an endpoint's name has its new address. */
async function visibleAfterMs(target: Started, api: string): Promise<number[]> {
  const asker = await Asker.to(target)
  const tookMs: number[] = []
  for (let i = 0; i < CHANGES; i++) {
    const slice = (i * 37) % (ENDPOINTS / PER_SLICE)
    const moved = await fetch(`${api}/move?slice=${SERVICES + slice}`, { method: 'POST' })
    const { address } = (await moved.json()) as { address: string }
    const name = `${WIDE_NAME}-${slice * PER_SLICE}.${NAME}`
    tookMs.push(await asker.until(name, reply => reply.data.includes(address)))
  }
  asker.close()
  return tookMs
}
