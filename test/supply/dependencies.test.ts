/** What comes from others: few packages, each listed with its reason, pinned by hash, permissive, without install scripts. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readLock } from '../../build/packages.ts'
import { temporaryFolder } from '../harness/server.ts'
import { type Bill, billOf, buildInto, root } from './built.ts'

const test = suite('dependencies')
const out = temporaryFolder()
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const manifest = JSON.parse(read('package.json'))
const locked = Object.entries(readLock(root).packages).filter(([place]) => place !== '')
const page = read('docs/dependencies.md')
let bill: Bill

test.before(async () => {
  await buildInto(out.path)
  bill = billOf(out.path)
})
test.after(() => out.remove())

/** Names at the beginning of the rows of a section's table, with the rest of the row. */
function rowsOf(section: string): Map<string, string> {
  const [, text = ''] = new RegExp(`^## ${section}\\n(.*?)(?=^## |(?![^]))`, 'ms').exec(page) ?? []
  return new Map([...text.matchAll(/^\| `([^`]+)` +\|(.*)\|$/gm)].map(([, name, rest]) => [name!, rest!]))
}

test('docs/dependencies.md lists what is in the bundles and the runtime, with licence and reason, and nothing else', () => {
  const shipped = bill.components.filter(({ scope }) => scope === 'required')
  const rows = rowsOf('Shipped')
  assert.equal([...rows.keys()].toSorted(), shipped.map(({ name }) => name).toSorted())
  for (const { name, licenses } of shipped) {
    const [why, licence] = rows
      .get(name)!
      .split('|')
      .map(cell => cell.trim())
    assert.ok(why!.length > 10, name)
    assert.is(licence, licenses[0]!.expression ?? licenses[0]!.license!.id, name)
  }
})

test('docs/dependencies.md lists what the image has of Debian, each pinned by hash, and nothing else', () => {
  const packages = JSON.parse(read('k8s/image/packages.json')) as { name: string; sha256: Record<string, string> }[]
  assert.equal(
    [...rowsOf('In the image').keys()],
    packages.map(({ name }) => name),
  )
  for (const { name, sha256 } of packages) {
    assert.equal(Object.keys(sha256), ['amd64', 'arm64'], name)
    for (const hash of Object.values(sha256)) assert.match(hash, /^[0-9a-f]{64}$/, name)
  }
})

test('docs/dependencies.md lists what lies beside the bundles, and nothing else', () => {
  const beside = bill.components.filter(({ scope }) => scope === 'optional').map(({ name }) => name)
  const [, text = ''] = /^## Beside the bundles\n(.*?)(?=^## )/ms.exec(page) ?? []
  const listed = [...text.matchAll(/`((?:@[a-z-]+\/)?[a-z0-9.-]+)`/g)].map(([, name]) => name!)
  assert.equal([...new Set(listed)].toSorted(), beside.toSorted())
})

test('docs/dependencies.md lists what development needs, and nothing else', () => {
  assert.equal([...rowsOf('For development').keys()].toSorted(), Object.keys(manifest.devDependencies).toSorted())
})

test('versions are exact, and each locked package has its sha512', () => {
  const { dependencies, devDependencies, optionalDependencies } = manifest
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies }))
    assert.match(version as string, /^\d+\.\d+\.\d+$/, name)
  assert.ok(locked.length > 100)
  assert.equal(
    locked.filter(([, { integrity }]) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? '')).map(([place]) => place),
    [],
  )
})

test('no package runs a script when it is installed: those that have one are forbidden to', () => {
  const withScript = locked.filter(([, { hasInstallScript }]) => hasInstallScript).map(([place]) => place)
  const allowScripts: Record<string, boolean> = manifest.allowScripts
  assert.equal(
    withScript.map(place => place.replace(/^.*node_modules\//, '')),
    Object.keys(allowScripts),
  )
  assert.equal(Object.values(allowScripts).filter(Boolean), [])
  // The lock says so of packages that npm has unpacked once: what is here is looked at as well.
  const installing = /"(?:pre|post)?install"\s*:/
  for (const [place] of locked) {
    const scripts = scriptsOf(place)
    assert.is(installing.test(scripts), withScript.includes(place) && scripts !== '', place)
  }
})

/** The scripts of an installed package as JSON; '' of one for another platform. */
function scriptsOf(place: string): string {
  try {
    return JSON.stringify(JSON.parse(read(`${place}/package.json`)).scripts ?? {})
  } catch {
    return ''
  }
}

test('our own script of an installation is prepare, and builds', () => {
  const lifecycle = ['preinstall', 'install', 'postinstall', 'preprepare', 'prepare', 'postprepare', 'dependencies']
  assert.equal(
    lifecycle.filter(name => name in manifest.scripts).map(name => [name, manifest.scripts[name]]),
    [['prepare', 'node build.ts']],
  )
})

const PERMISSIVE = new Set(['Apache-2.0', 'BSD-3-Clause', 'ISC', 'MIT', 'MIT OR Apache-2.0', 'PSF-2.0', 'Unlicense'])

test('every licence is permissive', () => {
  const others = locked.filter(([, { license }]) => !PERMISSIVE.has(license ?? ''))
  assert.equal(
    others.map(([place, { license }]) => `${place}: ${license}`),
    [],
  )
})

test.run()
