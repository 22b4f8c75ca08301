/**
 * Bundles the server into dist/sextant.cjs, and what its other threads run into dist/thread.cjs (or into the folder that is
 * named), with source maps. Packages that are only
 * imported dynamically become files of their own in late/: text that nobody needs costs time to parse and memory to keep.
 * CommonJS on purpose: the loader of ES modules costs 3 MB of memory and 20 ms.
 */
import { type BuildOptions, build, type Plugin } from 'esbuild'

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

await build({
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
for (const [name, paths] of late) {
  const entries = [...paths].map(path => `'${path}': () => require('${path}')`)
  await build({
    ...shared,
    stdin: { contents: `module.exports = { ${entries.join(', ')} }`, resolveDir: root },
    outfile: `${outdir}/late/${name.replace('/', '-')}.cjs`,
  })
}
