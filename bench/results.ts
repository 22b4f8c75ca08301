/** A run as it is kept: what it found, and what it was found on. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { type Row, ratios } from './table.ts'

export interface Results {
  readonly machine: {
    readonly cpu: string
    readonly cores: number
    readonly memoryBytes: number
    readonly kernel: string
    readonly node: string
  }
  /** What each of these calls itself; absent where it is not there. */
  readonly versions: Readonly<Record<string, string>>
  readonly rounds: number
  readonly seconds: number
  readonly sides: readonly string[]
  readonly rows: readonly KeptRow[]
}

/** Figures are null for a side that has none: JSON knows no NaN. */
export interface KeptRow extends Omit<Row, 'figures'> {
  readonly figures: readonly (number | null)[]
  /** How many times better the first side is than each of the others. */
  readonly ratios: readonly (number | null)[]
}

const VERSION_ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  coredns: ['-version'],
  unbound: ['-V'],
  knotd: ['--version'],
  dnsperf: ['-h'],
}

export function resultsOf(
  sides: readonly string[],
  rows: readonly Row[],
  { rounds, seconds }: { rounds: number; seconds: number },
): Results {
  const machine = {
    cpu: cpus()[0]?.model ?? '',
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
  }
  const kept = rows.map((row): KeptRow => {
    const figures = sides.map((_, i) => orNull(row.figures[i]))
    return { ...row, figures, ratios: ratios(row, sides.length).map(orNull) }
  })
  return { machine, versions: versions(), rounds, seconds, sides, rows: kept }
}

function orNull(figure: number | undefined): number | null {
  return figure !== undefined && Number.isFinite(figure) ? figure : null
}

function versions(): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [command, args] of Object.entries(VERSION_ARGUMENTS)) {
    const version = versionOf(command, args)
    if (version !== undefined) found[command] = version
  }
  return found
}

/** The first number with a point in what a command says of itself. */
function versionOf(command: string, args: readonly string[]): string | undefined {
  try {
    const said = execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    return /\d+\.\d+(?:\.\d+)?/.exec(said)?.[0]
  } catch {
    return undefined
  }
}

/** Reads what `--json` wrote. */
export function readResults(file: string): Results {
  return JSON.parse(readFileSync(file, 'utf8')) as Results
}
