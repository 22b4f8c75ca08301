/** The node-local role on kernels that lack a part of what it asks for, with an nft that says so. */
import { deepEqual, equal } from 'node:assert/strict'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { must } from '../../harness/process.ts'
import { eventually } from '../../harness/time.ts'
import { BY_LOCAL, BY_SERVICE, LOCAL, type Node } from '../node-local/node.ts'
import { onNode, shown, steady, ways } from '../node-local/on-node.ts'

/** Heartbeats that nobody repeats are forgotten after 1.5 s. */
const FORGOTTEN_MS = 3000

/** A command that runs another one with an nft that refuses `word` in what it is to check. */
async function nftWithout(node: Node, word: string): Promise<readonly string[]> {
  const nft = (await must('sh', ['-c', 'PATH=/usr/sbin:/sbin:$PATH; readlink -f "$(command -v nft)"'])).trim()
  const [real, other] = [join(node.folder, 'nft'), join(node.folder, 'other-nft')]
  copyFileSync(nft, real)
  const refuse = `case $(cat) in *'${word}'*) echo 'Error: syntax error, unexpected ${word}' >&2; exit 1;; esac; exit 0`
  writeFileSync(other, `#!/bin/sh\ncase "$*" in *--check*) ${refuse};; esac\nexec ${real} "$@"\n`, { mode: 0o755 })
  return ['unshare', '--mount', '--', 'sh', '-c', `mount --bind ${other} ${nft} && exec "$@"`, 'sh']
}

const own = async (node: Node) =>
  (await node.in(node.node, 'nft', ['list', 'tables'])).split('\n').filter(line => line.includes('sextant-node-'))

onNode(
  'without tables that have an owner: the kernel forgets what was served, the next watcher removes the table',
  async node => {
    const wrapper = await nftWithout(node, 'flags owner')
    const first = await node.watch(node.socket, wrapper)
    await first.line(/knows no "flags owner"/, 1000)
    const server = await node.serve()
    await node.ready()
    await first.stop('SIGKILL')
    const [left] = await own(node)
    await eventually(FORGOTTEN_MS, 'the Service', async () => equal(await node.who(node.pod, LOCAL), BY_SERVICE), 200)
    const second = await node.watch(node.socket, wrapper)
    await node.ready()
    const now = await own(node)
    deepEqual([now.length, now.includes(left!)], [1, false])
    equal(await node.who(node.pod, LOCAL), BY_LOCAL)
    await server.stop('SIGTERM')
    await second.stop('SIGTERM')
    deepEqual(await own(node), [])
  },
)

onNode('without an owner, a table that others take away is made again', async node => {
  const watcher = await node.watch(node.socket, await nftWithout(node, 'flags owner'))
  await node.serve()
  await node.ready()
  const [name] = await own(node)
  await node.in(node.node, 'nft', ['delete', ...name!.split(' ')])
  equal(await node.who(node.pod, LOCAL), BY_SERVICE)
  await watcher.line(/found no table "sextant-node-\w+": it is made again/, 15_000)
  await eventually(10_000, 'the server of the node', async () => equal(await node.who(node.pod, LOCAL), BY_LOCAL), 200)
})

onNode('without "socket wildcard": the end of the connection tells that the server is gone', async (node, note) => {
  const watcher = await node.watch(node.socket, await nftWithout(node, 'socket wildcard'))
  await watcher.line(/knows no "socket wildcard"/, 1000)
  const server = await node.serve()
  await node.ready()
  const lookups = await node.ask(node.pod, steady(LOCAL, { attempts: 10, timeoutMs: 100 }), async () => {
    server.signal('SIGKILL')
  })
  note(shown(lookups))
  equal(lookups.failed, 0)
  deepEqual(ways(lookups), [BY_LOCAL, BY_SERVICE])
})
