/** The servers that know the cluster, verified and warm, and the questions of the kube mix for them. */
import { join } from 'node:path'
import { clusterCorefile } from '../cluster/corefile.ts'
import { type ClusterSize, services } from '../cluster/objects.ts'
import { dnsperf, type Run, type Target } from '../dnsperf.ts'
import { writeQuestions } from '../messages.ts'
import { kubeMix, type Question } from '../mix.ts'
import { startKnot } from '../peers/knot.ts'
import { kubeZones } from '../peers/kube-zones.ts'
import type { Settings } from '../settings.ts'
import type { Corefile, Environment, Sides } from '../sides.ts'
import { verify, verifyShares } from '../verify.ts'

export const KUBE_SIZE: ClusterSize = { namespaces: 20, services: 1_000 }
const QUESTIONS = 100_000
const SAMPLE = 2_000
/** Compilers and caches have settled behind it. */
const WARM_UP_SECONDS = 2

export interface Mix {
  readonly questions: readonly Question[]
  /** The same, `NAME TYPE` a line. */
  readonly file: string
}

export interface KubeSides extends Mix {
  readonly corefile: Corefile
  /** In the order of all rows. Nobody else than CoreDNS caches or forwards here: Unbound has no part. */
  readonly targets: readonly [
    sextant: Target,
    coredns: Target | undefined,
    unbound: undefined,
    knot: Target | undefined,
  ]
}

/** Writes the questions of a cluster of this size. */
export function writeMix(sides: Sides, size: ClusterSize = KUBE_SIZE): Mix {
  const questions = kubeMix(services(size), QUESTIONS)
  const file = join(sides.folder, `questions-${size.services}`)
  writeQuestions(file, questions)
  return { questions, file }
}

/** The line of a Corefile that names the cluster. */
export async function clusterSource(sides: Sides, { kubeconfig }: Settings, size: ClusterSize): Promise<string> {
  return kubeconfig === undefined ? (await sides.replay(size)).source : `kubeconfig ${kubeconfig}`
}

/** Starts all sides over the cluster of 1,000 services. */
export async function startKube(sides: Sides, settings: Settings, environment?: Environment): Promise<KubeSides> {
  const corefile = clusterCorefile(await clusterSource(sides, settings, KUBE_SIZE))
  const mix = writeMix(sides)
  const targets = [
    await sides.sextant(corefile, environment),
    settings.peer ?? (await sides.coredns(corefile)),
    undefined,
    sides.has('knotd') ? await startKnot(sides, kubeZones(services(KUBE_SIZE)), '') : undefined,
  ] as const
  for (const target of targets) if (target !== undefined) await settle(target, mix)
  return { ...mix, corefile, targets }
}

/** Holds a sample of the replies against what they must be, then asks until the server has warmed up. */
export async function settle(target: Target, { questions, file }: Mix): Promise<void> {
  const checked = await verify(target, questions, SAMPLE)
  process.stderr.write(`  ${target.name}: ${checked} replies hold what they must\n`)
  await dnsperf(target, { file, seconds: WARM_UP_SECONDS })
}

/** A run whose rcodes are those that the mix must bring. */
export function checked<R extends Pick<Run, 'rcodes'>>(target: Target, { questions }: Mix, run: R): R {
  verifyShares(target, questions, run.rcodes)
  return run
}
