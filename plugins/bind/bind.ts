/**
 * `bind`: the addresses that a server block listens on. Interface names are expanded once, at setup.
 */
import { networkInterfaces } from 'node:os'
import { together } from '../../server/corefile/directive.ts'
import type { Argument, Directive, Occurrence, Plugin, Site, Stage } from '../../server/plugin.ts'

export const plugin: Plugin = { name: 'bind', setup }

function setup(directive: Directive, site: Site): Stage {
  const lists = directive.map(addressesOf)
  for (const address of new Set(lists.flat())) site.listen.addresses.push(address)
  return {}
}

/** `except` takes away from what its own line names. */
function addressesOf(occurrence: Occurrence): string[] {
  const named: string[] = []
  const excepted = new Set<string>()
  together(
    () => addAll(occurrence.arguments(1), address => named.push(address)),
    () => occurrence.each({ except: property => addAll(property.arguments(1), address => excepted.add(address)) }),
  )
  const left = named.filter(address => !excepted.has(address))
  // CoreDNS: such a block silently gets no listener.
  if (left.length === 0) throw occurrence.error('every address is excepted, expected at least one that is left')
  return left
}

function addAll(args: readonly Argument[], add: (address: string) => void): void {
  together(...args.map(argument => () => addressesNamed(argument).forEach(add)))
}

/** All addresses of an interface, or the one address. */
function addressesNamed(argument: Argument): string[] {
  const found = networkInterfaces()[argument.text]
  if (found === undefined) return [addressOf(argument)]
  return found.map(({ address }) => (/^fe[89ab]/i.test(address) ? `${address}%${argument.text}` : address))
}

function addressOf(argument: Argument): string {
  try {
    return argument.address()
  } catch (cause) {
    const names = Object.keys(networkInterfaces()).join(', ')
    const text = `unknown interface or invalid address "${argument.text}", expected an IP address or one of ${names}`
    throw argument.error(text, 'COREFILE_INVALID_ADDRESS', cause)
  }
}
