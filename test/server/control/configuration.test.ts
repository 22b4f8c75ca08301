import { execFileSync, spawn } from 'node:child_process'
import { rmSync, symlinkSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { locate, readConfiguration } from '../../../server/control/configuration.ts'
import { temporaryFolder } from '../../harness/server.ts'

const test = suite('configuration')
const COREFILE = '. {\nwhoami\n}\n'

/** Runs a task in a working directory of its own. */
function inFolder(task: (folder: ReturnType<typeof temporaryFolder>) => void): void {
  const folder = temporaryFolder()
  const before = process.cwd()
  process.chdir(folder.path)
  try {
    task(folder)
  } finally {
    process.chdir(before)
    folder.remove()
  }
}

test('the file that is named', () =>
  inFolder(folder => {
    const file = folder.write('other', COREFILE)
    const { isDefault, isFallback, ...origin } = locate(file, '/nonexistent')
    assert.equal(origin, { file, folder: folder.path, text: undefined })
    assert.equal([isDefault, isFallback], [false, false])
  }))

test('./Corefile where none is named', () =>
  inFolder(folder => {
    folder.write('Corefile', COREFILE)
    const origin = locate(undefined, '/nonexistent')
    assert.is(origin.file, 'Corefile')
    assert.is(origin.folder, process.cwd())
    assert.equal([origin.isDefault, origin.isFallback], [false, false])
  }))

test('the default where there is none', () =>
  inFolder(folder => {
    const origin = locate(undefined, '/opt/sextant')
    assert.is(origin.file, '/opt/sextant/Corefile')
    assert.is(origin.folder, '/opt/sextant')
    assert.is(origin.isFallback, true)
    folder.write('Corefile', COREFILE)
    symlinkSync('Corefile', 'link')
    assert.is(locate('link', folder.path).isDefault, true)
  }))

test('imports and variables are read', () =>
  inFolder(folder => {
    folder.write('Corefile', 'import *.server\n')
    folder.write('a.server', '{$SEXTANT_TEST_ZONE} {\nwhoami\n}\n')
    process.env.SEXTANT_TEST_ZONE = 'example.org'
    const { blocks, files } = readConfiguration(locate(undefined, '/'))
    assert.equal(
      blocks.map(({ keys }) => keys[0]!.text),
      ['example.org'],
    )
    assert.equal(files, ['Corefile', 'a.server'])
  }))

test('a pipe is read once, when it is named', () =>
  inFolder(() => {
    execFileSync('mkfifo', ['pipe'])
    spawn('sh', ['-c', `printf '${COREFILE.replaceAll('\n', '\\n')}' >pipe`], { stdio: 'ignore' })
    const origin = locate('pipe', '/nonexistent')
    assert.is(origin.text, COREFILE)
    for (let i = 0; i < 2; i++) assert.is(readConfiguration(origin).blocks.length, 1)
  }))

test('a file that has become a pipe, or a device, is refused at once', () =>
  inFolder(folder => {
    const origin = locate(folder.write('Corefile', COREFILE), '/nonexistent')
    rmSync(origin.file)
    execFileSync('mkfifo', [origin.file])
    assert.throws(() => readConfiguration(origin), /cannot be read: it is a pipe or a device, expected a readable file/)
    rmSync(origin.file)
    symlinkSync('/dev/zero', origin.file)
    assert.throws(() => readConfiguration(origin), /cannot be read: it is a pipe or a device, expected a readable file/)
  }))

const BAD: { name: string; file: string; says: string }[] = [
  { name: 'a missing file', file: 'nosuch', says: 'Corefile "nosuch" does not exist, expected a readable file' },
  { name: 'a folder', file: '.', says: 'Corefile "." is a directory, expected a readable file' },
  { name: 'an empty file', file: 'empty', says: 'Corefile "empty" is empty, expected a server block' },
  { name: 'a file of comments', file: 'comment', says: 'Corefile "comment" is empty, expected a server block' },
]

for (const { name, file, says } of BAD) {
  test(`refuses ${name}`, () =>
    inFolder(folder => {
      folder.write('empty', '')
      folder.write('comment', '# nothing\n')
      try {
        readConfiguration(locate(file, '/'))
        assert.unreachable('it was read')
      } catch (error) {
        assert.is((error as Error).message, says)
      }
    }))
}

test.run()
