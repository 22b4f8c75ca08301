/** nft and ip, run to their end. */
import { spawn } from 'node:child_process'

/** All that they see of the environment: where programs are, and that they speak as they are written. */
export const PROGRAM_ENVIRONMENT = {
  PATH: '/usr/sbin:/sbin:/usr/local/sbin:/usr/bin:/bin:/usr/local/bin',
  LC_ALL: 'C',
} as const
const PACKAGES: Readonly<Record<string, string>> = { nft: 'nftables', ip: 'iproute2' }

/** Longer than nft takes on the largest of nodes. */
const DEADLINE_MS = 60_000

/** A program that is missing, or that said no: its command and its own words. */
export class ProgramError extends Error {}

/**
 * @param input for its standard input
 * @returns what it wrote to its standard output
 * @throws ProgramError if it cannot be started, or ends with another code than 0
 */
export function runProgram(name: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(name, args, {
      env: PROGRAM_ENVIRONMENT,
      stdio: 'pipe',
      timeout: DEADLINE_MS,
      killSignal: 'SIGKILL',
    })
    let output = ''
    let words = ''
    child.stdout.setEncoding('utf8').on('data', text => {
      output += text
    })
    child.stderr.setEncoding('utf8').on('data', text => {
      words += text
    })
    child.stdin.on('error', () => child.stdin.destroy()) // it ended before it read all: its code says why
    child.on('error', cause => reject(missingProgram(name, cause)))
    child.on('close', (code, signal) => {
      const end = signal === null ? `code ${code}` : `${signal}, which it gets after ${DEADLINE_MS / 1000} s`
      if (code === 0) resolve(output)
      else reject(new ProgramError(`"${[name, ...args].join(' ')}" ended with ${end}: ${wordsOf(words)}`))
    })
    child.stdin.end(input)
  })
}

/** An error of `spawn` in words: what was looked for, and the package that has it. */
export function missingProgram(name: string, cause: Error): ProgramError {
  if ((cause as NodeJS.ErrnoException).code !== 'ENOENT')
    return new ProgramError(`${name}: ${cause.message}`, { cause })
  return new ProgramError(
    `${name}: found no such program in ${PROGRAM_ENVIRONMENT.PATH}, expected that of package ${PACKAGES[name]}`,
    { cause },
  )
}

/** What nft and ip say first is what is wrong; what follows shows where. Of a missing right they do not say which. */
function wordsOf(text: string): string {
  const [line = ''] = text.trim().split('\n')
  return /not permitted/i.test(line) ? `${line} (expected the capability NET_ADMIN)` : line
}
