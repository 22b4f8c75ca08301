/** Builds of the server for tests: of this checkout, and of copies of it that hold what a build needs and no more. */
import { cpSync, globSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { must } from '../harness/process.ts'

export const root = join(import.meta.dirname, '../..')

export interface Component {
  readonly 'bom-ref': string
  readonly type: string
  readonly name: string
  readonly version: string
  readonly scope?: string
  readonly description?: string
  readonly purl: string
  readonly cpe?: string
  readonly hashes: readonly { readonly alg: string; readonly content: string }[]
  readonly licenses: readonly { readonly license?: { readonly id: string }; readonly expression?: string }[]
}

/** CycloneDX, as far as it is looked at. */
export interface Bill {
  readonly bomFormat: string
  readonly specVersion: string
  readonly serialNumber: string
  readonly version: number
  readonly metadata: { readonly component: { readonly 'bom-ref': string; readonly version: string } }
  readonly components: readonly Component[]
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[]
}

export async function buildInto(folder: string, checkout = root): Promise<void> {
  await must(process.execPath, [join(checkout, 'build.ts'), folder])
}

export function billOf(folder: string): Bill {
  return JSON.parse(readFileSync(join(folder, 'sbom.cdx.json'), 'utf8'))
}

/** Copies what a build reads: the sources, the packages that are in the bundles, esbuild. */
export function copyCheckout(to: string, bundled: readonly string[]): void {
  const packages = [...bundled, 'esbuild', ...globSync('@esbuild/*', { cwd: join(root, 'node_modules') })]
  const files = ['build.ts', 'build', 'package.json', 'package-lock.json', 'tsconfig.json', 'server', 'plugins']
  for (const each of [...files, ...packages.map(name => `node_modules/${name}`)]) {
    mkdirSync(join(to, each, '..'), { recursive: true })
    cpSync(join(root, each), join(to, each), { recursive: true })
  }
}
