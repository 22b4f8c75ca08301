/** A block of `forward`, with `cache` before it where it is named, over scripted upstreams; taken down after the test. */
import { plugin as cache } from '../../../plugins/cache/cache.ts'
import { plugin } from '../../../plugins/forward/forward.ts'
import { type ForwardLine, readForward } from '../../../plugins/forward/setup.ts'
import { addressesOf } from '../../../plugins/forward/targets.ts'
import { Upstream } from '../../../plugins/forward/upstream/upstream.ts'
import { parseCorefile } from '../../../server/corefile/corefile.ts'
import { Directive } from '../../../server/corefile/directive.ts'
import type { Stage } from '../../../server/plugin.ts'
import { type FakeUpstream, fakeUpstream, type Script } from '../../harness/fake-upstream.ts'
import { type Chain, chainOf } from '../../harness/stage.ts'

export interface Block extends Chain {
  readonly upstreams: readonly FakeUpstream[]
}

/**
 * Runs `test` with one upstream per script, or with one that is made; `%1`, `%2` … in the Corefile text stand for their
 * addresses.
 */
export async function withBlock(
  scripts: readonly (Script | Promise<FakeUpstream>)[],
  corefile: string,
  test: (block: Block) => Promise<void>,
  extra: Stage[] = [],
): Promise<void> {
  const upstreams = await Promise.all(scripts.map(one => (typeof one === 'function' ? fakeUpstream(one) : one)))
  const body = corefile.replace(/%(\d)/g, (_, number) => upstreams[Number(number) - 1]!.address)
  const chain = chainOf([cache, plugin], body, extra)
  const awake = setInterval(() => {}, 1 << 30) // what is in flight does not keep a process alive, listeners do
  try {
    for (const stage of chain.stages) await stage.start?.(undefined)
    await test({ ...chain, upstreams })
  } finally {
    clearInterval(awake)
    for (const stage of chain.stages) await stage.stop?.()
    for (const upstream of upstreams) await upstream.close()
  }
}

/** The promise's value and how long it took, in milliseconds. */
export async function timed<T>(promise: Promise<T>): Promise<[value: T, tookMs: number]> {
  const startedAtMs = performance.now()
  const value = await promise
  return [value, performance.now() - startedAtMs]
}

/** An upstream as a Corefile names it. */
export function upstreamOf(line: string): Upstream {
  const { directives } = parseCorefile(`. {\n${line}\n}\n`, 'Corefile').blocks[0]!
  const [{ options, targets }] = new Directive(directives).map(one => readForward(one, '.')) as [ForwardLine]
  return new Upstream(addressesOf(targets)[0]!, options.upstream)
}
