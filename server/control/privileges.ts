/** Tells whoever starts the server with more rights than it needs, as root does. */
import { readFileSync } from 'node:fs'
import { info } from '../log.ts'

/** Bit of capabilities(7) that port 53 needs, and nothing else does. */
const NET_BIND_SERVICE = 10n

/** One line, or none where there is no surplus, or no /proc to tell it. */
export function tellSurplus(): void {
  let status: string
  try {
    status = readFileSync('/proc/self/status', 'latin1')
  } catch {
    return
  }
  const surplus = surplusCapabilities(status)
  if (surplus > 0)
    info(
      undefined,
      `running with ${surplus} capabilities that are not needed, NET_BIND_SERVICE is enough: see docs/security.md`,
    )
}

/** How many capabilities are in effect that are of no use here, as /proc/PID/status tells. */
export function surplusCapabilities(status: string): number {
  const effective = /^CapEff:\s+([0-9a-f]+)$/m.exec(status)?.[1]
  if (effective === undefined) return 0
  let rest = BigInt(`0x${effective}`) & ~(1n << NET_BIND_SERVICE)
  let count = 0
  for (; rest > 0n; rest &= rest - 1n) count++
  return count
}
