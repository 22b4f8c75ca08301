/**
 * Corefile tree and plugins/index.ts → a generation: the stages of every block set up, and the routes of every listener.
 * Touches no socket; all mistakes of all directives are thrown together.
 */
import { buildChain, chaosOf } from '../chain.ts'
import { groupDirectives } from '../corefile/corefile.ts'
import { Directive } from '../corefile/directive.ts'
import { CorefileError, CorefileErrors, ErrorCollector, orList } from '../corefile/error.ts'
import type { DirectiveNode } from '../corefile/parser.ts'
import { didYouMean } from '../corefile/suggest.ts'
import type { Plugin } from '../plugin.ts'
import { type Block, Routes } from '../route.ts'
import { nameFromText } from '../wire/name.ts'
import { workSlices } from '../work-slices.ts'
import type { Configuration } from './configuration.ts'
import { COREDNS_PLUGINS } from './coredns.ts'
import { Generation, type ListenerPlan, planKey, type ReloadRequest } from './generation.ts'
import { checkKeys, checkTls, refuseTransports } from './keys.ts'
import { BlockSite, type Endpoint } from './site.ts'

export interface BuildOptions {
  /** In chain order. */
  readonly plugins: readonly Plugin[]
  /** Port of `dns://` keys that name none. */
  readonly port: number
  readonly reload: ReloadRequest
  /** Which thread it is for; 0, the default, is the main one. */
  readonly thread?: number
}

/** A generation at one go. @throws CorefileErrors in the order of the source */
export function build(parsed: Configuration, options: BuildOptions): Generation {
  const steps = buildInSteps(parsed, options)
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
  }
}

/** The same between queries, in steps of one directive each. @throws CorefileErrors in the order of the source */
export async function buildBetween(parsed: Configuration, options: BuildOptions): Promise<Generation> {
  return between(buildInSteps(parsed, options))
}

/** Takes steps between queries, each with `take` around it. */
export async function between<T>(steps: Generator<void, T>, take = steps.next.bind(steps)): Promise<T> {
  for (;;) {
    const { done, value } = take()
    if (done === true) return value
    if (workSlices.spent) await workSlices.pause()
  }
}

/** Yields after each directive. @throws CorefileErrors in the order of the source */
export function* buildInSteps(parsed: Configuration, options: BuildOptions): Generator<void, Generation> {
  const { plugins, port, reload, thread } = options
  const order = plugins.map(plugin => plugin.name)
  const generation = new Generation(parsed, order, reload, thread)
  const errors = new ErrorCollector()
  for (const mistake of parsed.mistakes) errors.add(mistake)
  for (const block of parsed.blocks) generation.blocks.push(new BlockSite(block, parsed.origin, port, generation))
  refuseUnknownDirectives(generation.blocks, order, errors)
  yield* setUp(generation, plugins, errors)
  refuseTransports(generation.blocks, errors)
  // A `bind` may be among what a mistake spoilt: which zones meet is not known then.
  if (parsed.mistakes.every(({ code }) => code === 'COREFILE_INVALID_KEY')) {
    checkKeys(generation.blocks, errors)
    checkTls(generation.blocks, errors)
  }
  if (errors.errors.length === 0) {
    for (const { stage } of generation.stages()) {
      errors.run(() => stage.link?.())
      yield
    }
  }
  if (errors.errors.length > 0) {
    throw new CorefileErrors(inSourceOrder(withoutEchoes(errors.errors, parsed.mistakes), parsed.files))
  }
  for (const plan of planListeners(generation.blocks)) generation.plans.set(plan.routes.server, plan)
  return generation
}

/** What reading found wrong with a token is not said again by the plugin that could do nothing with it. */
function withoutEchoes(errors: readonly CorefileError[], mistakes: readonly CorefileError[]): CorefileError[] {
  const placeOf = ({ file, line, column }: CorefileError) => `${file}:${line}:${column}`
  const said = new Set(mistakes.map(placeOf))
  return errors.filter(error => mistakes.includes(error) || !said.has(placeOf(error)))
}

function refuseUnknownDirectives(sites: readonly BlockSite[], known: readonly string[], errors: ErrorCollector): void {
  for (const { block } of sites) {
    for (const [name, nodes] of groupDirectives(block)) {
      if (!known.includes(name)) errors.add(unknownDirective(name, nodes[0]!, known))
    }
  }
}

function unknownDirective(name: string, node: DirectiveNode, known: readonly string[]): CorefileError {
  const expected = `expected ${orList(known)}`
  if (COREDNS_PLUGINS.includes(name)) {
    const text = `plugin "${name}" of CoreDNS is not part of Sextant yet, ${expected}`
    return new CorefileError('COREFILE_UNAVAILABLE_DIRECTIVE', node.name, text)
  }
  const text = `unknown directive "${name}"${didYouMean(name, [...known, ...COREDNS_PLUGINS])}, ${expected}`
  return new CorefileError('COREFILE_UNKNOWN_DIRECTIVE', node.name, text)
}

/** Plugin by plugin, as CoreDNS does: what `bind` sets is there for all that follow. */
function* setUp(generation: Generation, plugins: readonly Plugin[], errors: ErrorCollector): Generator<void> {
  const directives = new Map(generation.blocks.map(site => [site, groupDirectives(site.block)]))
  for (const plugin of plugins) {
    for (const site of generation.blocks) {
      const nodes = directives.get(site)!.get(plugin.name)
      if (nodes === undefined) continue
      const before = errors.errors.length
      const stage = errors.run(() => plugin.setup(new Directive(nodes), site))
      if (stage !== undefined) site.stages.push({ plugin: plugin.name, site, stage })
      // One too many hides what else is wrong with each.
      else if (errors.errors[before]?.code === 'COREFILE_REPEATED_DIRECTIVE')
        for (const node of nodes) errors.run(() => plugin.setup(new Directive([node]), site))
      yield
    }
  }
}

/** Groups the blocks by scheme, address and port. The blocks of several keys share one chain. */
function planListeners(sites: readonly BlockSite[]): ListenerPlan[] {
  const groups = new Map<string, Pick<Endpoint, 'scheme' | 'port'> & { address: string; entries: Entry[] }>()
  for (const site of sites) {
    for (const { scheme, zone, port } of site.endpoints) {
      for (const address of site.addresses) {
        const key = planKey(scheme, address, port)
        const group = groups.get(key) ?? { scheme, address, port, entries: [] }
        group.entries.push({ zone, site })
        groups.set(key, group)
      }
    }
  }
  const chains = new Map(sites.map(site => [site, chainOf(site)]))
  return [...groups].map(([server, { scheme, address, port, entries }]) => {
    const stages = entries.flatMap(({ site }) => site.stages.map(({ stage }) => stage))
    const recursionAvailable = entries.some(({ zone, site }) => zone === '.' && resolvesAll(site))
    const blocks = entries.map(({ zone, site }) => ({ ...chains.get(site)!, zone: nameFromText(zone) }))
    const dropped = stages.find(stage => stage.observeDropped !== undefined)
    const first = entries[0]!.site.listen // CoreDNS: the first block decides too
    return {
      scheme,
      address,
      port,
      zones: entries.map(({ zone }) => zone),
      sockets: first.sockets ?? 1,
      tcp: Object.assign({}, ...entries.map(({ site }) => site.listen.tcp)), // CoreDNS: the last one that says so
      secure: scheme === 'dns' || first.tls === undefined ? undefined : { policy: first.tls, https: first.https },
      routes: new Routes(blocks, recursionAvailable, dropped, server),
    }
  })
}

/** A zone of a listener, and the block that serves it. */
interface Entry {
  readonly zone: string
  readonly site: BlockSite
}

/** True if a stage resolves whatever name comes to it. */
function resolvesAll(site: BlockSite): boolean {
  return site.stages.some(({ stage }) => stage.recursive === true)
}

function chainOf(site: BlockSite): Omit<Block, 'zone'> {
  const stages = site.stages.map(({ stage }) => stage)
  const observers = stages.filter(stage => stage.observe !== undefined)
  const plugins = site.stages.map(({ plugin }) => plugin)
  const recursionAvailable = stages.some(stage => stage.recursive !== undefined)
  const { udpBytes, nsid } = site.listen
  return { chain: buildChain(stages), plugins, observers, recursionAvailable, udpBytes, nsid, chaos: chaosOf(stages) }
}

function inSourceOrder(errors: readonly CorefileError[], files: readonly string[]): CorefileError[] {
  const rank = (error: CorefileError) => files.indexOf(error.file)
  return errors.toSorted((a, b) => rank(a) - rank(b) || a.line - b.line || a.column - b.column)
}
