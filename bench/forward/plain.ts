/** Forwarding without a cache to a Knot on loopback. Every name is new, so that Unbound, whose cache stays, asks as well. */
import { forwardCorefile } from '../peers/corefile.ts'
import { startKnot } from '../peers/knot.ts'
import { startUnbound } from '../peers/unbound.ts'
import type { Settings } from '../settings.ts'
import type { Sides } from '../sides.ts'
import type { Row } from '../table.ts'
import { measureLoads } from './loads.ts'
import { wildZones } from './names.ts'

const FASTEST_PER_S = 150_000

export async function measurePlain(sides: Sides, settings: Settings): Promise<Row[]> {
  const knot = await startKnot(sides, wildZones)
  const corefile = forwardCorefile({ upstream: `127.0.0.1:${knot.port}`, forward: ['max_concurrent 1000'] })
  const targets = [
    await sides.sextant(corefile),
    await sides.coredns(corefile),
    await startUnbound(sides, knot.port),
  ] as const
  return measureLoads('forward, no cache', sides, targets, settings, FASTEST_PER_S)
}
