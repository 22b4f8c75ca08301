/** Lookups from pods, 1,000 a second, half of them through musl and half through glibc, while something is done to the addon. */
import { equal } from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Note } from '../../harness/suite.ts'
import { delay, eventually } from '../../harness/time.ts'
import { kubectl } from '../control-plane.ts'
import { STATE } from '../place.ts'
import { CLIENTS, inPod, podsWith, tried } from '../pods.ts'
import { type Figures, record } from './figures.ts'

const LOOKUPS_PER_SECOND = 1000
/** Absolute: one question each, so that no search list hides a loss. */
const NAME = 'service.default.svc.cluster.local.'
const BEFORE_MS = 2000
/** A lookup that begins then, and is lost, still fails or not: the load ends with its last lookup. */
const AFTER_MS = 3000
/** glibc gives up after 10 s, musl after 5 s. */
const LAST_LOOKUP_MS = 30_000

export interface Load {
  /** Who asks: `crowd`, or others like them, who were made when kubelet had other settings. */
  crowd?: string
  /** As /bin/load takes it. */
  name?: string
}

/** The pods of crowd.yaml under this name, made if they are not there. */
export async function crowdOf(name: string): Promise<string[]> {
  const file = join(STATE, `${name}.yaml`)
  writeFileSync(file, readFileSync(join(import.meta.dirname, 'crowd.yaml'), 'utf8').replaceAll('crowd', name))
  await kubectl('apply', '-f', file)
  for (const { libc } of CLIENTS) await kubectl('rollout', 'status', `deployment/${name}-${libc}`, '--timeout=50s')
  return (await podsWith(`app=${name}`)).map(pod => pod.name)
}

/**
 * Begins two seconds before `work` and ends three seconds after it.
 * @param what the row of the table
 * @returns the figures of all pods
 */
export async function underLoad(
  what: string,
  work: () => Promise<unknown>,
  note: Note,
  { crowd = 'crowd', name = NAME }: Load = {},
): Promise<Figures> {
  const pods = await crowdOf(crowd)
  // Not at the end of `kubectl exec`: that ends with the API server.
  const load = `/bin/load ${LOOKUPS_PER_SECOND / pods.length} ${name} > /load.out 2> /load.err < /dev/null &`
  const begin = `busybox killall -q load; busybox rm -f /load.out; ${load}`
  await Promise.all(pods.map(pod => inPod(pod, 'sh', '-c', begin)))
  try {
    await delay(BEFORE_MS)
    await work()
    await delay(AFTER_MS)
  } finally {
    // Where that cannot be, there are no figures, and the next load does it.
    await Promise.all(pods.map(pod => tried(pod, ['busybox', 'killall', '-q', 'load'])))
  }
  const each = await Promise.all(pods.map(figuresOf))
  const sum = (key: 'asked' | 'failed' | 'lost'): number => each.reduce((total, figures) => total + figures[key], 0)
  const gap = Math.max(...each.map(figures => figures.gap))
  const all = { asked: sum('asked'), failed: sum('failed'), lost: sum('lost'), gap }
  record(what, all)
  note(`${all.asked} lookups, ${all.failed} failed, ${all.lost} datagrams lost, longest gap of a pod ${all.gap} ms`)
  const failing = each.find(({ error }) => error !== '')
  if (failing !== undefined) note(`${failing.pod} said first: ${failing.error}`)
  // Else it was no load of that size.
  const wanted = each.reduce((total, { span }) => total + (span / 1000) * (LOOKUPS_PER_SECOND / pods.length), 0)
  if (all.asked < 0.7 * wanted) throw new Error(`${all.asked} lookups, expected about ${wanted.toFixed(0)}`)
  return all
}

/** Once the last lookups have come to an end, which may take as long as the C library's retries. */
async function figuresOf(pod: string): Promise<Figures & { pod: string; error: string; span: number }> {
  let stdout = ''
  await eventually(
    LAST_LOOKUP_MS,
    `the figures of ${pod}`,
    async () => {
      stdout = await inPod(pod, 'busybox', 'cat', '/load.out')
      if (!stdout.includes('span=')) throw new Error('there are none yet')
    },
    500,
  )
  const words = Object.fromEntries(stdout.split(' ').map(word => word.split('='))) as Record<string, string>
  const { asked, failed, lost, gap, span } = words
  const error = await inPod(pod, 'busybox', 'cat', '/load.err')
  return { pod, error, asked: +asked!, failed: +failed!, lost: +lost!, gap: +gap!, span: +span! }
}

/** As `underLoad`, and no lookup may fail. */
export async function losesNone(what: string, work: () => Promise<unknown>, note: Note, load?: Load): Promise<void> {
  equal((await underLoad(what, work, note, load)).failed, 0, 'lookups that failed')
}
