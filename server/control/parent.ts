/**
 * Started through npm or npx, the server ends with them, however they end. A signal reaches it only if npm lives to pass
 * it on, so it looks after its ancestors itself.
 */
import { readFileSync } from 'node:fs'

const LOOK_MS = 500

/** Calls back once when the npm that started this process, or a shell in between, is gone. */
export function whenNpmEnds(gone: () => void): void {
  const { npm_execpath: npm, npm_command: command } = process.env
  if ((npm === undefined && command === undefined) || process.ppid <= 1) return
  const parent = process.ppid
  const grandparent = isShell(parent) ? parentOf(parent) : undefined
  const timer = setInterval(() => {
    if (process.ppid === parent && (grandparent === undefined || parentOf(parent) === grandparent)) return
    clearInterval(timer)
    gone()
  }, LOOK_MS)
  timer.unref()
}

/** npm starts scripts through `sh -c`, and some shells stay in between. */
function isShell(pid: number): boolean {
  return /^(ba|da|a|z|k)?sh$/.test(statOf(pid)?.[0] ?? '')
}

function parentOf(pid: number): number | undefined {
  const parent = Number(statOf(pid)?.[1])
  return parent > 1 ? parent : undefined
}

/** Name and parent of a process, from `PID (NAME) STATE PPID …`; undefined where there is no /proc or no process. */
function statOf(pid: number): [name: string, parent: string] | undefined {
  try {
    const [, name, parent] = /^\d+ \((.*)\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
    return name === undefined || parent === undefined ? undefined : [name, parent]
  } catch {
    return undefined
  }
}
