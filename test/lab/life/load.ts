/** Lookups from pods, 1,000 a second, half of them through musl and half through glibc, while something is done to the addon. */
import { equal } from 'node:assert/strict'
import { run } from '../../harness/process.ts'
import type { Note } from '../../harness/suite.ts'
import { delay } from '../../harness/time.ts'
import { CLIENTS } from '../pods.ts'

const LOOKUPS_PER_SECOND = 1000
/** Absolute: one question each, so that no search list hides a loss. */
const NAME = 'service.default.svc.cluster.local.'

export interface Figures {
  asked: number
  /** Given up by the C library after its retries. */
  failed: number
  /** Answered only when asked again: a datagram was lost. */
  retried: number
  /** ms */
  slowest: number
  /** The longest time without an answer to anybody of one C library, ms. */
  gap: number
}

/** Begins two seconds before `work` and lasts `seconds` in all; `work` has to be done by then. The figures of both together. */
export async function underLoad(seconds: number, work: () => Promise<unknown>, note: Note): Promise<Figures> {
  const start = performance.now()
  const args = ['load', String(seconds), String(LOOKUPS_PER_SECOND / CLIENTS.length), NAME]
  const loads = CLIENTS.map(({ pod }) =>
    run('kubectl', ['exec', pod, '--', ...args], process.env, (seconds + 30) * 1000),
  )
  const outputs = Promise.all(loads)
  await delay(2000)
  await work()
  const workS = (performance.now() - start) / 1000
  if (workS > seconds)
    throw new Error(`what was to be measured took ${workS.toFixed(0)} s, and the load only ${seconds} s`)
  const each = (await outputs).map(({ stdout, stderr }) => parsed(stdout, stderr))
  const sum = (key: keyof Figures): number => each.reduce((total, figures) => total + figures[key], 0)
  const most = (key: keyof Figures): number => Math.max(...each.map(figures => figures[key]))
  const all = {
    asked: sum('asked'),
    failed: sum('failed'),
    retried: sum('retried'),
    slowest: most('slowest'),
    gap: most('gap'),
  }
  note(`${all.asked} lookups, ${all.failed} failed, ${all.retried} asked again, longest gap ${all.gap} ms`)
  // Else it was no load of that size.
  if (all.asked < 0.7 * seconds * LOOKUPS_PER_SECOND) throw new Error(`only ${all.asked} lookups in ${seconds} s`)
  return all
}

/** As `underLoad`, and no lookup may fail. */
export async function losesNone(seconds: number, work: () => Promise<unknown>, note: Note): Promise<void> {
  equal((await underLoad(seconds, work, note)).failed, 0, 'lookups that failed')
}

function parsed(stdout: string, stderr: string): Figures {
  const words = Object.fromEntries(
    stdout
      .trim()
      .split(' ')
      .map(word => word.split('=')),
  )
  const { asked, failed, retried, slowest, gap } = words as Record<string, string>
  if (asked === undefined) throw new Error(`load said "${stdout}" ${stderr}`)
  return { asked: +asked, failed: +failed!, retried: +retried!, slowest: +slowest!, gap: +gap! }
}
