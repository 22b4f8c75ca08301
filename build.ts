/**
 * Bundles the server into dist/sextant.cjs, what its other threads run into dist/thread.cjs, and the node-local role into
 * dist/node-local.cjs (or into the folder that is named), with source maps. Packages that are only
 * imported dynamically become files of their own in late/: text that nobody needs costs time to parse and memory to keep.
 * CommonJS on purpose: the loader of ES modules costs 3 MB of memory and 20 ms.
 *
 * Beside them stand the bill of materials and the licences of what is in them. The same sources make the same octets, in
 * whatever folder they lie.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type BuildOptions, type BuildResult, build, type Plugin } from 'esbuild'
import { licenceTexts } from './build/licences.ts'
import { readLock, shippedPackages } from './build/packages.ts'
import { sbom } from './build/sbom.ts'

const root = import.meta.dirname
const outdir = process.argv[2] ?? 'dist'

/** Regular expressions are in few Corefiles, and their tables take 15 ms and 5 MB: asked for by a static import, yet late. */
const LATE_ANYWAY = 're2js'

const shared: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node26',
  // `import()` becomes a late require: the real one would start the loader of ES modules.
  supported: { 'dynamic-import': false },
  // Comments and blanks would stay in memory as long as the process. Lines stay short enough to be found in a stack.
  minifyWhitespace: true,
  minifySyntax: true,
  lineLimit: 160,
  legalComments: 'external',
  metafile: true,
  logLevel: 'warning',
}

/** By package: what is imported of it dynamically. */
const late = new Map<string, Set<string>>()

const latePackages: Plugin = {
  name: 'late-packages',
  setup(build) {
    build.onResolve({ filter: /^(@[^/]+\/)?[a-z]/ }, ({ path, kind, namespace }) => {
      if (namespace === 'late' || path.startsWith('node:')) return null
      if (kind !== 'dynamic-import' && path !== LATE_ANYWAY) return null
      const name = packageOf(path)
      late.set(name, (late.get(name) ?? new Set()).add(path))
      return { path, namespace: 'late' }
    })
    build.onResolve({ filter: /^\.\/late\//, namespace: 'late' }, ({ path }) => ({ path, external: true }))
    build.onLoad({ filter: /./, namespace: 'late' }, ({ path }) => ({ contents: stubOf(path) }))
  },
}

/** What stands in the bundle for a late package. */
function stubOf(path: string): string {
  const load = `require('./late/${packageOf(path).replace('/', '-')}.cjs')['${path}']()`
  if (path !== LATE_ANYWAY) return `module.exports = ${load}`
  return `export const RE2JS = new Proxy({}, { get: (_, name) => ${load}.RE2JS[name] })`
}

function packageOf(path: string): string {
  return /^(?:@[^/]+\/)?[^/]+/.exec(path)![0]
}

/** Files of which something is in a bundle. */
const inputs = new Set<string>()

function note({ metafile }: BuildResult): void {
  for (const output of Object.values(metafile!.outputs)) {
    for (const [input, { bytesInOutput }] of Object.entries(output.inputs)) if (bytesInOutput > 0) inputs.add(input)
  }
}

const served = await build({
  ...shared,
  entryPoints: { sextant: 'server/main.ts', thread: 'server/thread.ts' },
  outdir,
  outExtension: { '.js': '.cjs' },
  define: {
    'import.meta.dirname': '__dirname',
    'import.meta.filename': '__filename',
    'import.meta.resolve': 'require.resolve',
  },
  sourcemap: true,
  sourcesContent: false,
  plugins: [latePackages],
})
note(served)
// A process of its own, which needs nothing of the server's.
note(
  await build({
    ...shared,
    entryPoints: { 'node-local': 'server/node-local/main.ts' },
    outdir,
    outExtension: { '.js': '.cjs' },
    sourcemap: true,
    sourcesContent: false,
  }),
)
// In an order of their own: esbuild finds imports in whatever order files are read.
for (const [name, paths] of [...late].sort()) {
  const entries = [...paths].sort().map(path => `'${path}': () => require('${path}')`)
  const made = await build({
    ...shared,
    stdin: { contents: `module.exports = { ${entries.join(', ')} }`, resolveDir: root },
    outfile: `${outdir}/late/${name.replace('/', '-')}.cjs`,
  })
  note(made)
}

const shipped = shippedPackages(inputs, readLock(root))
const product = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const beside = (file: string, text: string) => writeFileSync(resolve(root, outdir, file), text)
beside('sbom.cdx.json', sbom(product, shipped))
beside('LICENSES.txt', licenceTexts(root, shipped))
