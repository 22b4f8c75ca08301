/** Commands of the machine that tests call. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where a command is: on PATH, or where Debian keeps those of root. Undefined if it is not there. */
export function findCommand(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return folders.map(folder => join(folder, name)).find(isExecutable)
}

/** Why a test cannot run: the commands that are not here; undefined if all are. */
export function missingCommands(...names: readonly string[]): string | undefined {
  const absent = names.filter(name => findCommand(name) === undefined)
  return absent.length === 0 ? undefined : `commands not found: ${absent.join(', ')}`
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
