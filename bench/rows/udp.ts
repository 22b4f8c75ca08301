/** The kube mix over UDP, as fast as it goes. */

import { PACED_COLUMNS, paced } from '../client/paced.ts'
import { dnsperf } from '../dnsperf.ts'
import type { Settings } from '../settings.ts'
import type { Environment, Sides } from '../sides.ts'
import type { Row } from '../table.ts'
import { inTurns, mediansOf, RUN_COLUMNS } from '../turns.ts'
import { checked, startKube } from './kube.ts'

const FALLBACK: Environment = { SEXTANT_UDP: 'dgram' }
const FALLBACK_PER_S = 20_000

export async function measureUdp(sides: Sides, settings: Settings): Promise<Row[]> {
  const { targets, ...mix } = await startKube(sides, settings)
  const { rounds, seconds } = settings
  const runs = await inTurns(targets, rounds, async target =>
    checked(target, mix, await dnsperf(target, { file: mix.file, seconds })),
  )
  return mediansOf('kube mix over UDP, saturated', RUN_COLUMNS, runs)
}

/** The same, and at a pace, without batches: what is left where node:ffi cannot be had. */
export async function measureDgram(sides: Sides, settings: Settings): Promise<Row[]> {
  const { targets, ...mix } = await startKube(sides, settings, FALLBACK)
  const { rounds, seconds } = settings
  const { file } = mix
  const saturated = await inTurns(targets, rounds, async target =>
    checked(target, mix, await dnsperf(target, { file, seconds })),
  )
  const atPace = await inTurns(targets, rounds, async target =>
    checked(target, mix, await paced(target, { file, perSecond: FALLBACK_PER_S, seconds })),
  )
  return [
    ...mediansOf('dgram fallback, saturated', RUN_COLUMNS, saturated),
    ...mediansOf(`dgram fallback, ${FALLBACK_PER_S.toLocaleString('en')}/s`, PACED_COLUMNS, atPace),
  ]
}
