/** What a test needs of the machine. */
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Why a test cannot run: the commands that are not here; undefined if all are. */
export function missing(...commands: readonly string[]): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
  const absent = commands.filter(command => !folders.some(folder => existsSync(join(folder, command))))
  return absent.length === 0 ? undefined : `commands not found: ${absent.join(', ')}`
}
