/** Files that a configuration names: what is none is told, and holds nothing up. */
import { execFileSync } from 'node:child_process'
import { symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readWhole } from '../../server/read-file.ts'
import { temporaryFolder } from '../harness/server.ts'

const test = suite('read file')
const folder = temporaryFolder()
test.after(() => folder.remove())
const at = (name: string) => join(folder.path, name)

test('a file, also through a link, as in a volume of a ConfigMap', () => {
  writeFileSync(at('file'), 'text')
  symlinkSync(at('file'), at('link'))
  assert.is(readWhole(at('link')).toString(), 'text')
})

const BAD: { name: string; make: (path: string) => void; says: RegExp }[] = [
  { name: 'a pipe', make: path => execFileSync('mkfifo', [path]), says: /it is a pipe or a device/ },
  { name: 'a device', make: path => symlinkSync('/dev/zero', path), says: /it is a pipe or a device/ },
  { name: 'a folder', make: path => symlinkSync(folder.path, path), says: /EISDIR/ },
  { name: 'nothing', make: () => {}, says: /ENOENT: .*nothing/ },
  {
    name: 'a large file',
    make: path => {
      writeFileSync(path, '')
      truncateSync(path, 1 << 30)
    },
    says: /it has 1073741824 octets, expected 16777216 at most/,
  },
]
for (const { name, make, says } of BAD)
  test(name, () => {
    make(at(name))
    assert.throws(() => readWhole(at(name)), says)
  })

test.run()
