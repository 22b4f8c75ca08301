import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { batchesOf, type ManifestFile, manifestsIn } from '../../../../plugins/kubernetes/source/manifest-folder.ts'

const test = suite('manifest folder')
const MAX_FILES = 32
const MAX_BYTES = 256 << 10

const fileOf = (bytes: number, i: number): ManifestFile => ({
  path: `/manifests/${i}.yaml`,
  name: `${i}.yaml`,
  version: `${i}`,
  bytes,
  modifiedAtMs: 0,
})

test('batches hold every file once, in order, within the bounds', () => {
  const sizes = fc.array(fc.oneof(fc.nat(2_000), fc.nat(2 * MAX_BYTES)), { maxLength: 200 })
  fc.assert(
    fc.property(sizes, bytes => {
      const files = bytes.map(fileOf)
      const batches = [...batchesOf(files)]
      assert.equal(batches.flat(), files)
      for (const batch of batches) {
        const sum = batch.reduce((total, file) => total + file.bytes, 0)
        assert.ok(batch.length > 0 && batch.length <= MAX_FILES)
        assert.ok(batch.length === 1 || sum <= MAX_BYTES)
      }
    }),
  )
})

test('a folder of many files is found whole, whatever lies between them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sextant-folder-'))
  try {
    const names = Array.from({ length: 100 }, (_, i) => `${i}.yaml`)
    for (const name of names) writeFileSync(join(folder, name), 'kind: Service\n')
    writeFileSync(join(folder, 'notes.txt'), '')
    symlinkSync(join(folder, 'nowhere'), join(folder, 'broken.yaml'))
    mkdirSync(join(folder, '5-more'))
    writeFileSync(join(folder, '5-more', 'one.json'), '{}')
    const found = await manifestsIn(folder)
    assert.equal(
      found.map(({ name }) => name),
      [...names, '5-more/one.json'].sort(),
    )
    assert.is(found.find(({ name }) => name === '0.yaml')?.bytes, 'kind: Service\n'.length)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test.run()
