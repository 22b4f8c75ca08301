/** The fallback table, put in place and taken away: it outlives the process that did. */
import { runProgram } from './programs.ts'
import { fallbackTable } from './rules.ts'
import type { Settings } from './settings.ts'

/** Makes it what the settings say, in one transaction; no fallback is no table. */
export async function applyFallback({ addresses, fallback }: Settings): Promise<void> {
  await runProgram('nft', ['--file', '-'], fallbackTable(addresses, fallback))
}

export async function removeFallback(): Promise<void> {
  await runProgram('nft', ['--file', '-'], fallbackTable([], []))
}
