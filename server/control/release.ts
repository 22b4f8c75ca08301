/**
 * Gives back memory that the start and V8's compilers are done with, of 90 MB resident some 30 at rest and under load:
 *
 *   C heap    8 MB: compilers free what they worked in, glibc keeps it for them (malloc_trim)
 *   files    26 MB: pages of Node's binary that are not looked at again. They stay in the page cache, which any process
 *            may use and the kernel may take, and are mapped again, 64 KB at a time, where they are
 *
 * Only mappings that hold nothing but the file: what was written into one (relocations) would be lost. And only those of
 * the binary, which stay where they are: what a dlopen maps for a moment may be other memory when its turn comes.
 */
import { readFile } from 'node:fs/promises'
import { loadMemory, type MemoryCalls } from '../listen/ffi.ts'
import { sleep } from './wait.ts'

/** Times between two releases, of some 30 ms CPU each, double from the first to the last: compilers work most early. */
const FIRST_MS = 3_000
const LAST_MS = 120_000
/** What is unmapped at one go takes some 0.1 ms, and then queries have their turn. */
const STEP_BYTES = 1n << 20n
const STEP_PAUSE_MS = 5

const MADV_DONTNEED = 4

export interface Mapping {
  readonly from: bigint
  readonly to: bigint
}

/** Releases now and then, as long as the process lives; does not keep it alive. Nothing where there is no such call. */
export function releaseMemory(): void {
  const calls = loadMemory()
  if (calls !== undefined) releaseAfter(FIRST_MS, calls)
}

function releaseAfter(ms: number, calls: MemoryCalls): void {
  const next = () => releaseAfter(Math.min(LAST_MS, ms * 2), calls)
  setTimeout(() => release(calls).then(next, next), ms).unref()
}

/** One release, between queries. @throws Error as node:fs, without a /proc */
export async function release(calls: MemoryCalls): Promise<void> {
  calls.trim(0n)
  for (const { from, to } of cleanMappings(await readFile('/proc/self/smaps', 'latin1'), process.execPath)) {
    for (let at = from; at < to; at += STEP_BYTES) {
      const octets = to - at < STEP_BYTES ? to - at : STEP_BYTES
      calls.advise(at, octets, MADV_DONTNEED) // what it says does not matter: locked memory stays
      await sleep(STEP_PAUSE_MS)
    }
  }
}

/**
 * The mappings of a file that cannot be written to, and of which no page was, be it in memory or swapped out since: as
 * /proc/PID/smaps tells.
 */
export function cleanMappings(smaps: string, file: string): Mapping[] {
  const heads = smaps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) r-[x-]p [0-9a-f]+ \S+ \d+ +(\/.*)\n((?:[A-Z].*\n?)*)/gm)
  const clean: Mapping[] = []
  for (const [, from, to, path, counts] of heads) {
    const isOfFile = path === file || path === `${file} (deleted)` // a newer one has taken its place
    if (!isOfFile || !/^Anonymous: +0 kB$/m.test(counts!) || !/^Swap: +0 kB$/m.test(counts!)) continue
    clean.push({ from: BigInt(`0x${from}`), to: BigInt(`0x${to}`) })
  }
  return clean
}
