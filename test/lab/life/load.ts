/** Lookups from pods, 1,000 a second, half of them through musl and half through glibc, while something is done to the addon. */
import { equal } from 'node:assert/strict'
import { join } from 'node:path'
import type { Note } from '../../harness/suite.ts'
import { delay, eventually } from '../../harness/time.ts'
import { kubectl } from '../control-plane.ts'
import { CLIENTS, inPod, podsWith } from '../pods.ts'

const LOOKUPS_PER_SECOND = 1000
/** Absolute: one question each, so that no search list hides a loss. */
const NAME = 'service.default.svc.cluster.local.'

export interface Figures {
  asked: number
  /** Given up by the C library after its retries. */
  failed: number
  /** Answered only when asked again: a datagram was lost. */
  retried: number
  /** The longest time in which a pod got no answer, ms. */
  gap: number
}

/** The pods of crowd.yaml, which the first load makes. */
async function crowd(): Promise<string[]> {
  await kubectl('apply', '-f', join(import.meta.dirname, 'crowd.yaml'))
  for (const { libc } of CLIENTS) await kubectl('rollout', 'status', `deployment/crowd-${libc}`, '--timeout=50s')
  return (await podsWith('app=crowd')).map(({ name }) => name)
}

/** Begins two seconds before `work` and lasts `seconds` in all; `work` has to be done by then. The figures of all pods. */
export async function underLoad(seconds: number, work: () => Promise<unknown>, note: Note): Promise<Figures> {
  const pods = await crowd()
  const start = performance.now()
  // Not at the end of `kubectl exec`: that ends with the API server.
  const load = `/bin/load ${seconds} ${LOOKUPS_PER_SECOND / pods.length} ${NAME} > /load.out 2> /load.err < /dev/null &`
  await Promise.all(pods.map(pod => inPod(pod, 'sh', '-c', `busybox rm -f /load.out; ${load}`)))
  await delay(2000)
  await work()
  const workS = (performance.now() - start) / 1000
  if (workS > seconds)
    throw new Error(`what was to be measured took ${workS.toFixed(0)} s, and the load only ${seconds} s`)
  await delay(start + seconds * 1000 - performance.now())
  const each = await Promise.all(pods.map(figuresOf))
  const sum = (key: 'asked' | 'failed' | 'retried'): number => each.reduce((total, figures) => total + figures[key], 0)
  const all = {
    asked: sum('asked'),
    failed: sum('failed'),
    retried: sum('retried'),
    gap: Math.max(...each.map(({ gap }) => gap)),
  }
  note(`${all.asked} lookups, ${all.failed} failed, ${all.retried} asked again, longest gap of a pod ${all.gap} ms`)
  // Else it was no load of that size.
  if (all.asked < 0.7 * seconds * LOOKUPS_PER_SECOND) throw new Error(`only ${all.asked} lookups in ${seconds} s`)
  const failing = each.find(({ error }) => error !== '')
  if (failing !== undefined) note(`${failing.pod} said first: ${failing.error}`)
  return all
}

/** Once the last lookups have come to an end, which may take as long as the C library's retries. */
async function figuresOf(pod: string): Promise<Figures & { pod: string; error: string }> {
  let stdout = ''
  await eventually(
    30_000,
    `the figures of ${pod}`,
    async () => {
      stdout = await inPod(pod, 'busybox', 'cat', '/load.out')
      if (!stdout.includes('gap=')) throw new Error('there are none yet')
    },
    500,
  )
  const words = Object.fromEntries(stdout.split(' ').map(word => word.split('='))) as Record<keyof Figures, string>
  const error = await inPod(pod, 'busybox', 'cat', '/load.err')
  return { pod, error, asked: +words.asked, failed: +words.failed, retried: +words.retried, gap: +words.gap }
}

/** As `underLoad`, and no lookup may fail. */
export async function losesNone(seconds: number, work: () => Promise<unknown>, note: Note): Promise<void> {
  equal((await underLoad(seconds, work, note)).failed, 0, 'lookups that failed')
}
