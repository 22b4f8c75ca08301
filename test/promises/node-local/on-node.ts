/** What the cases of the node-local role share: a node for each, its server and watcher, clients at an easy pace. */
import { equal } from 'node:assert/strict'
import { missingCommands } from '../../harness/commands.ts'
import type { Child } from '../../harness/process.ts'
import { type Note, test } from '../../harness/suite.ts'
import type { ClientOptions, Lookups } from './client.ts'
import { Node } from './node.ts'

const skip = missingCommands('nft', 'ip', 'conntrack', 'nsenter', 'unshare')

export interface NodeOptions {
  /** SEXTANT_NODE_ADDRESSES, if it is not to be the two link-local ones. */
  readonly addresses?: string
  /** Why it cannot run on this machine. */
  readonly skip?: string | undefined
}

export function onNode(name: string, body: (node: Node, note: Note) => Promise<void>, options: NodeOptions = {}): void {
  const run = async (note: Note) => {
    const node = await Node.create(options.addresses)
    try {
      await body(node, note)
    } catch (cause) {
      throw new Error(`${(cause as Error).message}\n${node.tail()}`, { cause })
    } finally {
      await node.end()
    }
  }
  test(`node-local: ${name}`, run, { skip: skip ?? options.skip })
}

/** As the pod starts: prepared, watched, served, ready. */
export async function started(node: Node): Promise<{ watcher: Child; server: Child }> {
  equal((await node.role('prepare')).code, 0)
  const watcher = await node.watch()
  const server = await node.serve()
  await node.ready()
  return { watcher, server }
}

/** 500 look-ups a second. Attempts wait as long as TCP needs to send its first packet again. */
export function steady(server: string, more: Partial<ClientOptions> = {}): ClientOptions {
  return { server, over: 'udp', everyMs: 2, forMs: 1500, timeoutMs: 3000, ...more }
}

/** Who answered, in turn. */
export function ways({ turns }: Lookups): string[] {
  return turns.map(({ who }) => who)
}

export function shown({ asked, lost, refused, gapMs }: Lookups): string {
  return `${asked} asked, ${lost} attempts lost (${refused} refused), longest gap ${gapMs.toFixed(0)} ms`
}
