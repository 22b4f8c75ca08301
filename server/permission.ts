/**
 * Where Node's permission model forbids something (SEXTANT_PERMISSION=1), its error names a flag of Node's. Operators are
 * told the variable that control/permissions.ts makes that flag of. A leaf.
 */

const CURES: Readonly<Record<string, string>> = {
  'fs-read': 'SEXTANT_READ does not list it',
  'fs-write': 'SEXTANT_WRITE does not list it',
  'child-process': 'starting a program needs SEXTANT_EXEC=1',
}

const isOn = process.permission !== undefined

/** A text that may hold such an error's message, with the cure in its place. */
export function withCure(text: string): string {
  if (!isOn) return text
  return text.replace(
    /Access to this API has been restricted\. Use --allow-([a-z-]+) to manage permissions\./g,
    (said, flag: string) => CURES[flag] ?? said,
  )
}
