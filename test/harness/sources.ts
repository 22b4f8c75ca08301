/** The project's files as rules look at them. */
import { globSync, readFileSync } from 'node:fs'
import { posix as path } from 'node:path'

export const root = path.normalize(`${import.meta.dirname}/../..`)

export const files = (...patterns: string[]) => globSync(patterns, { cwd: root }).sort()
export const read = (file: string) => readFileSync(`${root}/${file}`, 'utf8')
export const sources = files('server/**/*.ts', 'plugins/**/*.ts')
export const tests = files('test/**/*.test.ts')

export interface Import {
  /** Within the project, from its root. Packages and Node's modules as they are named. */
  readonly target: string
  readonly isType: boolean
}

export function importsOf(file: string): Import[] {
  const statements = read(file).matchAll(
    /^(?:import|export)\s+(type\s)?[^'"]*?from\s+'([^']+)'|\bimport\('([^']+)'\)/gm,
  )
  return [...statements].map(([, type, late, dynamic]) => {
    const named = late ?? dynamic ?? ''
    const target = named.startsWith('.') ? path.join(path.dirname(file), named) : named
    return { target, isType: type !== undefined }
  })
}

/** Files that break a rule, as `file: what it does`. */
export function offenders(among: readonly string[], breaks: (file: string) => readonly string[]): string[] {
  return among.flatMap(file => breaks(file).map(what => `${file}: ${what}`))
}
