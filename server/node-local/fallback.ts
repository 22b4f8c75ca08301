/** The fallback table, put in place and taken away: it outlives the process that did. */
import { runProgram } from './programs.ts'
import { FALLBACK_TABLE, fallbackTable, isOwnTable } from './rules.ts'
import type { Settings } from './settings.ts'
import { tables } from './table.ts'

/** Makes it what the settings say, in one transaction; no fallback is no table. */
export async function applyFallback({ addresses, fallback }: Settings): Promise<void> {
  await runProgram('nft', ['--file', '-'], fallbackTable(addresses, fallback))
}

/**
 * At a start. Beside another watcher, what is there stays until a server serves here: a rollout that is taken back has changed
 * nothing then.
 */
export async function offerFallback(settings: Settings): Promise<void> {
  const names = await tables()
  if (names.includes(FALLBACK_TABLE) && names.some(isOwnTable)) return
  await applyFallback(settings)
}

export async function removeFallback(): Promise<void> {
  await runProgram('nft', ['--file', '-'], fallbackTable([], []))
}
