/** Commands as an administrator types them, printed where that was asked for (`lab up -v`). */
import { must } from '../harness/process.ts'

let verbose = false

export function printCommands(): void {
  verbose = true
}

/** What is started or written on the way up, in the place of a command that is typed. */
export function show(line: string, text = ''): void {
  if (!verbose) return
  console.log(`  # ${line}`)
  for (const content of text.split('\n').filter(Boolean)) console.log(`      ${content}`)
}

/** As a shell takes these words. */
export function quoted(words: readonly string[]): string {
  return words.map(word => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`)).join(' ')
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
