/** Commands as an administrator types them, printed where that was asked for (`lab up -v`). */
import { must } from '../harness/process.ts'

let verbose = false

export function printCommands(): void {
  verbose = true
}

/** @param line words, separated by single spaces; no quoting */
export async function type(line: string): Promise<string> {
  if (verbose) console.log(`  # ${line}`)
  const [command, ...args] = line.split(' ')
  return must(command!, args)
}

export async function typeAll(lines: string): Promise<void> {
  for (const line of lines.split('\n').map(text => text.trim())) if (line !== '') await type(line)
}

/** A step of the way up, with the seconds since the start of the process. */
export function say(step: string): void {
  console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${step}`)
}
