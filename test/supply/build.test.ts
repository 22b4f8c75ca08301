/** What a build leaves: the same octets wherever it is made, a bill of materials, and the licences of what is in it. */
import { createHash } from 'node:crypto'
import { globSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { closure, readLock } from '../../build/packages.ts'
import { must } from '../harness/process.ts'
import { temporaryFolder } from '../harness/server.ts'
import { type Bill, billOf, buildInto, type Component, copyCheckout, root } from './built.ts'

const test = suite('build')
const out = temporaryFolder()
let bill: Bill

test.before(async () => {
  await buildInto(out.path)
  bill = billOf(out.path)
})
test.after(() => out.remove())

/** SHA-256 of each file of a folder, by its path in there. */
function digests(folder: string): Record<string, string> {
  const files = globSync('**', { cwd: folder }).filter(file => statSync(join(folder, file)).isFile())
  const pairs = files.sort().map(file => [
    file,
    createHash('sha256')
      .update(readFileSync(join(folder, file)))
      .digest('hex'),
  ])
  return Object.fromEntries(pairs)
}

const bundled = () => bill.components.filter(({ description }) => description?.startsWith('in the bundles'))

test('two checkouts in different folders build the same octets', async () => {
  const near = temporaryFolder()
  const far = temporaryFolder()
  try {
    const checkouts = [join(near.path, 'a'), join(far.path, 'some/where/else')]
    const builds: Record<string, string>[] = []
    for (const checkout of checkouts) {
      copyCheckout(
        checkout,
        bundled().map(({ name }) => name),
      )
      await buildInto('dist', checkout)
      builds.push(digests(join(checkout, 'dist')))
    }
    assert.equal(builds[1], builds[0])
    // Source maps name sources by their way from the map: only those differ in a folder that is not dist/.
    const here = Object.entries(digests(out.path)).filter(([file]) => !file.endsWith('.map'))
    assert.ok(here.length > 8)
    for (const [file, digest] of here) assert.is(builds[0]![file], digest, file)
  } finally {
    near.remove()
    far.remove()
  }
})

test('nothing in a build tells when or where it was made', () => {
  for (const file of Object.keys(digests(out.path))) {
    const text = readFileSync(join(out.path, file), 'utf8')
    if (!file.endsWith('.map')) assert.not.ok(text.includes(root), file)
  }
  assert.not.match(readFileSync(join(out.path, 'sbom.cdx.json'), 'utf8'), /"timestamp"/)
})

test('the bill is CycloneDX 1.6: its fields, references and hashes are what the schema asks for', () => {
  assert.is(bill.bomFormat, 'CycloneDX')
  assert.is(bill.specVersion, '1.6')
  assert.is(bill.version, 1)
  assert.match(bill.serialNumber, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  const allowed = ['bom-ref', 'cpe', 'description', 'hashes', 'licenses', 'name', 'purl', 'scope', 'type', 'version']
  for (const component of bill.components) {
    const { name, version, type, scope, purl, hashes } = component
    assert.equal(
      Object.keys(component).filter(key => !allowed.includes(key)),
      [],
      name,
    )
    assert.ok(['library', 'platform'].includes(type), name)
    assert.ok(['required', 'optional'].includes(scope!), name)
    assert.is(purl, `pkg:npm/${name.replace('@', '%40')}@${version}`)
    assert.is(component['bom-ref'], purl)
    assert.is(hashes[0]?.alg, 'SHA-512', name)
    assert.match(hashes[0]!.content, /^[0-9a-f]{128}$/, name)
  }
  const known = new Set([bill.metadata.component['bom-ref'], ...bill.components.map(({ purl }) => purl)])
  assert.is(known.size, bill.components.length + 1)
  assert.equal(bill.dependencies.map(({ ref }) => ref).toSorted(), [...known].toSorted())
  const missing = bill.dependencies.flatMap(({ dependsOn }) => dependsOn).filter(ref => !known.has(ref))
  assert.equal(missing, [])
})

test('the bill holds what npm counts as installed for production, with the same hashes and licences', async () => {
  const words = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only', '--omit', 'dev']
  const npm: Bill = JSON.parse(await must('npm', ['--prefix', root, ...words]))
  const facts = ({ purl, hashes, licenses }: Component) => ({ purl, hashes, licenses })
  // npm leaves out what is also needed by what is listed for development, though the client library brings it with it.
  const lock = readLock(root)
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const development = new Set(Object.keys(manifest.devDependencies).flatMap(name => [...closure(name, lock)]))
  // Installed with prom-client for its summaries, of which the bundle has none.
  const isUnused = (name: string) => name === 'tdigest' || name === 'bintrees'
  const sorted = (components: readonly Component[]) =>
    components
      .filter(({ name }) => !development.has(name) && !isUnused(name))
      .sort((a, b) => (a.purl < b.purl ? -1 : 1))
      .map(facts)
  assert.ok(npm.components.length > 50)
  assert.equal(sorted(bill.components), sorted(npm.components))
})

test('the bill names the pinned Node.js as scanners look for it', () => {
  const { optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const runtimes = bill.components.filter(({ type }) => type === 'platform')
  assert.equal(
    runtimes.map(({ name, cpe }) => [name, cpe]),
    Object.entries(optionalDependencies).map(([name, version]) => [
      name,
      `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`,
    ]),
  )
})

test('the licences of all packages in the bundles go with them, in full', () => {
  const text = readFileSync(join(out.path, 'LICENSES.txt'), 'utf8')
  for (const { name, version } of bundled()) {
    const at = text.indexOf(`\n${name} ${version} (`)
    assert.ok(at > 0, name)
    assert.match(text.slice(at, at + 2000), /copyright|Apache License/i, name)
  }
})

test.run()
