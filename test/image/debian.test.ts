/** Files of Debian packages are those of the package, wherever its links say that they are. */
import { equal, throws } from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import { followed } from '../../k8s/image/debian.ts'

test('links lead to files of the package, absolute ones too, and never to those of the machine', () => {
  const root = mkdtempSync(join(tmpdir(), 'sextant-debian-'))
  try {
    for (const folder of ['bin', 'sbin']) mkdirSync(join(root, folder))
    writeFileSync(join(root, 'bin/ip'), '')
    symlinkSync('/bin/ip', join(root, 'sbin/ip'))
    symlinkSync('../sbin/ip', join(root, 'bin/other'))
    symlinkSync('../../../../bin/sh', join(root, 'bin/out'))
    for (const path of ['bin/ip', 'sbin/ip', 'bin/other']) equal(followed(root, path), join(root, 'bin/ip'))
    throws(() => followed(root, 'bin/out'), { code: 'ENOENT' })
  } finally {
    rmSync(root, { recursive: true })
  }
})

test.run()
