/**
 * The rungs of the ladder without sockets: the whole of `serve` with ever more stages, for the kube mix. Names are those of
 * ladder/rungs.ts. Stages that no question of the mix reaches (loop, forward) or that have no part in one (health, reload)
 * are no rungs here, nor is `log`, which writes.
 */
import { plugin as cache } from '../../plugins/cache/cache.ts'
import { plugin as errors } from '../../plugins/errors/errors.ts'
import { plugin as loadbalance } from '../../plugins/loadbalance/loadbalance.ts'
import { plugin as prometheus } from '../../plugins/prometheus/prometheus.ts'
import { plugin as whoami } from '../../plugins/whoami/whoami.ts'
import { accept, GO } from '../../server/wire/accept.ts'
import { chainOf, wire } from '../../test/harness/stage.ts'
import { kubeCluster, MIX, verifyMix } from './cluster.ts'
import type { Case } from './harness.ts'
import { serving } from './in-process.ts'
import { readInto as q, reading } from './wire.ts'

/** In the order of the chain; rungs add them from its end. */
const BEFORE = [prometheus, errors, loadbalance, cache]
const RUNGS = [cache, loadbalance, prometheus, errors]

export function ladderCases(): Case[] {
  const { messages } = MIX
  const { stage } = kubeCluster()
  const isGo = () => {
    if (accept(q.bytes, q.start, q.length) !== GO) throw new Error('a question of the mix was turned away')
  }
  const growing = RUNGS.map(({ name }, i): Case => {
    const present = RUNGS.slice(0, i + 1)
    const plugins = BEFORE.filter(plugin => present.includes(plugin))
    const { routes } = chainOf(plugins, plugins.map(each => each.name).join('\n'), [stage])
    verifyMix(routes)
    return serving(`+ ${name}`, routes, messages)
  })
  return [
    reading('+ accept, readQuery', messages, isGo),
    serving('+ route, encode: REFUSED', wire([]).routes, messages),
    serving('+ a stage: whoami', chainOf([whoami], 'whoami').routes, messages),
    serving('kubernetes in its place', wire([stage]).routes, messages),
    ...growing,
  ]
}
