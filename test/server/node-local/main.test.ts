/** The command line of the node-local role, as far as it goes without touching a network. */
import { equal, match, ok } from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import { missingProgram, runProgram } from '../../../server/node-local/programs.ts'
import { run } from '../../harness/process.ts'
import { temporaryFolder } from '../../harness/server.ts'
import { buildInto } from '../../supply/built.ts'

const test = suite('node-local')
const out = temporaryFolder()
const bundle = join(out.path, 'node-local.cjs')

test.before(() => buildInto(out.path))
test.after(() => out.remove())

for (const { name, args, env, says } of [
  {
    name: 'no command',
    args: [],
    env: {},
    says: /^node-local: found ""\nnode-local: usage: node-local\.cjs prepare \| watch/,
  },
  { name: 'another command', args: ['toString'], env: {}, says: /found "toString"/ },
  { name: 'a word too many', args: ['ready', 'now'], env: {}, says: /found "ready now"/ },
  {
    name: 'mistakes in the environment, all at once',
    args: ['watch'],
    env: { SEXTANT_NODE_ADDRESSES: 'here' },
    says: /^node-local: SEXTANT_WATCHER: found "".*\nnode-local: SEXTANT_NODE_ADDRESSES: found "here"/,
  },
  {
    name: 'nobody watches',
    args: ['ready'],
    env: { SEXTANT_NODE_ADDRESSES: '169.254.20.10', SEXTANT_WATCHER: '/nowhere/watcher.sock' },
    says: /^node-local: \/nowhere\/watcher\.sock: connect ENOENT .*, expected a watcher\n$/,
  },
]) {
  test(`${name}: status 1, and words`, async () => {
    const { code, stderr } = await run(process.execPath, [bundle, ...args], env)
    equal(code, 1)
    match(stderr, says)
  })
}

test('the bundle is small: nothing of the server is in it', () => ok(statSync(bundle).size < 30_000))

test('a program that is missing, and one that says no', async () => {
  match(
    missingProgram('nft', Object.assign(new Error('spawn nft ENOENT'), { code: 'ENOENT' })).message,
    /of package nftables$/,
  )
  await runProgram('sh', ['-c', 'echo no >&2; exit 3']).then(
    () => ok(false),
    ({ message }) => equal(message, '"sh -c echo no >&2; exit 3" ended with code 3: no'),
  )
  await runProgram('no-such-program', []).then(
    () => ok(false),
    ({ message }) => match(message, /^no-such-program: found no such program in \/usr\/sbin:/),
  )
  equal(await runProgram('cat', [], 'text'), 'text')
})

test.run()
