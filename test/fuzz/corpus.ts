/**
 * Inputs that are kept, in files of a folder for each target: a line each, a label and the input behind it, as JSON where it
 * is text and in hexadecimal where it is not. Lines that begin with # say where it is from.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Seed, Target } from './target.ts'

const FOLDER = join(import.meta.dirname, 'corpus')

/** All inputs of a target's folder. */
export function readCorpus({ name, isText }: Pick<Target, 'name' | 'isText'>, folder = FOLDER): Seed[] {
  const at = join(folder, name)
  if (!existsSync(at)) return []
  const files = readdirSync(at).filter(file => file.endsWith('.txt'))
  return files.sort().flatMap(file => readSeeds(readFileSync(join(at, file), 'utf8'), isText))
}

/** @throws Error on a line that is no input */
export function readSeeds(text: string, isText: boolean): Seed[] {
  const lines = text.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return lines.map(line => {
    const [, label, value] = /^(\S+) (.*)$/s.exec(line) ?? []
    if (label === undefined || value === undefined) throw new Error(`found "${line}", expected a label and an input`)
    if (isText) return { label, octets: Buffer.from(JSON.parse(value) as string) }
    const hex = value.replaceAll(' ', '')
    if (!/^(?:[0-9a-f]{2})*$/.test(hex)) throw new Error(`found "${value}" behind ${label}, expected hexadecimal`)
    return { label, octets: Buffer.from(hex, 'hex') }
  })
}

/** Writes inputs into a file of the target's folder, over what was in it. @returns its path */
export function writeCorpus(
  { name, isText }: Pick<Target, 'name' | 'isText'>,
  file: string,
  about: readonly string[],
  seeds: readonly Seed[],
  folder = FOLDER,
): string {
  const at = join(folder, name)
  mkdirSync(at, { recursive: true })
  const lines = seeds.map(({ label, octets }) => `${label} ${inputText(octets, isText)}`)
  writeFileSync(join(at, file), `${[...about.map(line => `# ${line}`), ...lines].join('\n')}\n`)
  return join(at, file)
}

function inputText(octets: Uint8Array, isText: boolean): string {
  return isText ? JSON.stringify(Buffer.from(octets).toString()) : Buffer.from(octets).toString('hex')
}
