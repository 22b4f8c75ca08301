/** The licences of what is in the bundles, in full, as they ask for: dist/LICENSES.txt. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Shipped } from './packages.ts'

/** @throws Error if a package brings no text of its licence */
export function licenceTexts(root: string, shipped: readonly Shipped[]): string {
  const rule = '='.repeat(80)
  return shipped
    .filter(({ part }) => part === 'bundle')
    .map(({ name, version, license }) => {
      const folder = join(root, 'node_modules', name)
      const file = readdirSync(folder)
        .sort()
        .find(each => /^(licen[sc]e|copying)/i.test(each))
      if (file === undefined)
        throw new Error(`${name} brings no text of its licence, expected one for dist/LICENSES.txt`)
      return `${rule}\n${name} ${version} (${license})\n${rule}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`
    })
    .join('\n')
}
