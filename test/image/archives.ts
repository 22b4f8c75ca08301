/** The archives of the suite: made twice, to be compared. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../harness/process.ts'

export const ARCHITECTURES = ['amd64', 'arm64'] as const
export type Architecture = (typeof ARCHITECTURES)[number]

const ROOT = join(import.meta.dirname, '../..')
const FOLDER = join(ROOT, 'dist/image-test')
const MADE_MS = 300_000

/** @param time the first or the second */
export function archiveOf(architecture: Architecture, time: 1 | 2): string {
  return join(FOLDER, `${architecture}-${time}.tar`)
}

export async function makeArchives(): Promise<void> {
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(FOLDER, { recursive: true })
  for (const architecture of ARCHITECTURES) {
    for (const time of [1, 2] as const) {
      const args = ['--arch', architecture, '--out', archiveOf(architecture, time)]
      const { code, stderr } = await run(
        process.execPath,
        [join(ROOT, 'k8s/image/build.ts'), ...args],
        process.env,
        MADE_MS,
      )
      if (code !== 0) throw new Error(`k8s/image/build.ts ${args.join(' ')} ended with code ${code}\n${stderr}`)
    }
  }
}
