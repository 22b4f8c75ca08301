/**
 * Named tests, run one after the other in the order they were written. Prints a line for each and a count at the end.
 * uvu is not used here: these tests share one cluster, need a deadline each, and are skipped by name with a reason.
 */
import { within } from './time.ts'

export interface Options {
  /** The whole test, ms. */
  timeoutMs?: number
  /** Why CoreDNS is not held to it, when the suite runs against a CoreDNS binary. */
  coredns?: string
  /** Why it cannot run on this machine; empty or absent: it can. */
  skip?: string | undefined
}

/** What a test may report besides its result, such as a measured time. */
export type Note = (text: string) => void
type Body = (note: Note) => Promise<void> | void

interface Test {
  name: string
  body: Body
  options: Options
}

export interface Count {
  passed: number
  failed: number
  skipped: number
}

const tests: Test[] = []
const TIMEOUT_MS = 60_000

export function test(name: string, body: Body, options: Options = {}): void {
  if (tests.some(other => other.name === name)) throw new Error(`two tests are named "${name}"`)
  tests.push({ name, body, options })
}

/** Runs the tests whose name contains one of `patterns` (all when there is none); what `context` tells is printed after a failure. */
export async function runTests(
  patterns: readonly string[],
  isCoreDNS: boolean,
  context: () => Promise<string>,
): Promise<Count> {
  const count: Count = { passed: 0, failed: 0, skipped: 0 }
  // What a test that failed left behind must not end the run without a count.
  process.on('unhandledRejection', error => console.log(indent(`left behind: ${error}`)))
  for (const { name, body, options } of tests) {
    if (patterns.length > 0 && !patterns.some(pattern => name.includes(pattern))) continue
    const reason = options.skip || (isCoreDNS && options.coredns)
    if (reason) {
      count.skipped++
      console.log(`skip            ${name}: ${reason}`)
      continue
    }
    const notes: string[] = []
    const start = performance.now()
    const took = (): string => `${(performance.now() - start).toFixed(0).padStart(6)} ms`
    try {
      const timeoutMs = options.timeoutMs ?? TIMEOUT_MS
      await within(timeoutMs, 'the test', Promise.resolve(body(text => notes.push(text))))
      count.passed++
      console.log(`ok    ${took()} ${name}${notes.length > 0 ? ` (${notes.join(', ')})` : ''}`)
    } catch (error) {
      count.failed++
      console.log(`FAIL  ${took()} ${name}`)
      console.log(indent(error instanceof Error ? (error.stack ?? error.message) : String(error)))
      console.log(await context())
    }
  }
  return count
}

/** Says how long it took and what came of it, as the last line does everywhere. Returns the exit code. */
export function conclude({ passed, failed, skipped }: Count, startedAtMs: number): number {
  const also = skipped > 0 ? `${skipped} skipped, ` : ''
  console.log(`${also}in ${((performance.now() - startedAtMs) / 1000).toFixed(0)} s`)
  console.log(`${passed} passed, ${failed} failed`)
  return failed > 0 || passed === 0 ? 1 : 0
}

function indent(text: string): string {
  return text.replace(/^/gm, '    ')
}
