/**
 * Counts what the code does, without a cost where it is not asked for: as a module of the server is loaded, a call is put
 * into every function and loop body (a step), and into every branch (seen or not). Nothing in the sources knows of it. Work
 * inside of what is built into JavaScript (`set`, `fill`, `JSON.parse`, a regular expression) is one step, however long.
 */
import { registerHooks, stripTypeScriptTypes } from 'node:module'
import { type Node, parse } from 'acorn'

const MAX_PLACES = 1 << 17
/** What is instrumented: the server, and the libraries that read text for it. */
const WATCHED = /\/(?:server|plugins)\/[^?]*\.ts$|\/node_modules\/(?:js-yaml|yaml|re2js|ipaddr\.js|chokidar)\/.*\.m?js$/
const LOOPS = new Set(['ForStatement', 'ForInStatement', 'ForOfStatement', 'WhileStatement', 'DoWhileStatement'])
const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'])

/** What was counted so far. */
export const counted = {
  /** Functions entered and loop bodies run. */
  steps: 0,
  /** Places that were reached at least once. */
  places: 0,
}
const reached = new Uint8Array(MAX_PLACES)
let known = 0

function seen(place: number): void {
  if (reached[place] !== 0) return
  reached[place] = 1
  counted.places++
}

function step(place: number): void {
  counted.steps++
  if (reached[place] === 0) seen(place)
}

/** Forgets which places were reached. */
export function forgetPlaces(): void {
  reached.fill(0)
  counted.places = 0
}

/** The global through which modules reach their counters. */
const GLOBAL = 'sextantSteps'
Object.assign(globalThis, { [GLOBAL]: { step, seen } })

/**
 * Modules that are loaded from now on are counted. `instead` names files, by how their URL ends, that others take the place
 * of.
 */
export function instrument(instead: Readonly<Record<string, string>> = {}): void {
  registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context)
      for (const [ending, url] of Object.entries(instead)) {
        if (resolved.url.endsWith(ending)) return { ...resolved, url }
      }
      return resolved
    },
    load(url, context, next) {
      const loaded = next(url, context)
      const { format, source } = loaded
      const isTypeScript = format === 'module-typescript'
      if (!WATCHED.test(url) || source === null || source === undefined) return loaded
      if (!isTypeScript && format !== 'module') return loaded
      const text = Buffer.from(source as Uint8Array).toString()
      return {
        ...loaded,
        format: 'module',
        source: withCounters(isTypeScript ? stripTypeScriptTypes(text) : text),
        shortCircuit: true,
      }
    },
  })
}

interface Insertion {
  readonly at: number
  readonly text: string
  /** What closes comes before what opens at the same place; the inner before the outer, and the other way round. */
  readonly rank: number
}

/** JavaScript with calls in it that count. Lines stay where they are. */
export function withCounters(text: string): string {
  const insertions: Insertion[] = []
  const visit = (node: AnyNode, depth: number) => {
    instrumentNode(node, depth, insertions)
    for (const [key, value] of Object.entries(node)) {
      if (key === 'type') continue
      if (Array.isArray(value)) for (const one of value) isNode(one) && visit(one, depth + 1)
      else if (isNode(value)) visit(value, depth + 1)
    }
  }
  visit(parse(text, { ecmaVersion: 'latest', sourceType: 'module', allowHashBang: true }) as Node as AnyNode, 1)
  insertions.sort((a, b) => a.at - b.at || a.rank - b.rank)
  const parts = [`const { step: $step, seen: $seen } = globalThis.${GLOBAL};`]
  let from = 0
  for (const { at, text: inserted } of insertions) {
    parts.push(text.slice(from, at), inserted)
    from = at
  }
  parts.push(text.slice(from))
  return parts.join('')
}

type AnyNode = Node & Record<string, unknown>

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && typeof (value as AnyNode).type === 'string'
}

function instrumentNode(node: AnyNode, depth: number, into: Insertion[]): void {
  const { type } = node
  if (LOOPS.has(type)) statement(node.body as AnyNode, 'step', depth, into)
  else if (FUNCTIONS.has(type)) {
    const body = node.body as AnyNode
    if (body.type === 'BlockStatement') statement(body, 'step', depth, into)
    else expression(body, 'step', depth, into)
  } else if (type === 'IfStatement') {
    statement(node.consequent as AnyNode, 'seen', depth, into)
    if (node.alternate) statement(node.alternate as AnyNode, 'seen', depth, into)
  } else if (type === 'ConditionalExpression') {
    expression(node.consequent as AnyNode, 'seen', depth, into)
    expression(node.alternate as AnyNode, 'seen', depth, into)
  } else if (type === 'LogicalExpression') expression(node.right as AnyNode, 'seen', depth, into)
  else if (type === 'SwitchCase') {
    const [first] = node.consequent as AnyNode[]
    if (first) into.push({ at: first.start, text: call('seen'), rank: depth })
  }
}

function call(what: 'step' | 'seen', end = ';'): string {
  if (known === MAX_PLACES) throw new Error(`more than ${MAX_PLACES} places to count`)
  return `$${what}(${known++})${end}`
}

function statement(node: AnyNode, what: 'step' | 'seen', depth: number, into: Insertion[]): void {
  if (node.type === 'BlockStatement') into.push({ at: node.start + 1, text: call(what), rank: -1e6 })
  else {
    into.push({ at: node.start, text: `{${call(what)}`, rank: depth })
    into.push({ at: node.end, text: '}', rank: -depth })
  }
}

function expression(node: AnyNode, what: 'step' | 'seen', depth: number, into: Insertion[]): void {
  into.push({ at: node.start, text: `(${call(what, ',')}(`, rank: depth })
  into.push({ at: node.end, text: '))', rank: -depth })
}
