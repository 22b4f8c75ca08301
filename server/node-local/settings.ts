/** What the environment asks of the node-local role, read and checked as a whole: all mistakes are told at once. */
import { isAbsolute } from 'node:path'
import { type Address, addressOf, isReachable } from './addresses.ts'

/** Octets of a path in struct sockaddr_un, without the zero at its end (unix(7)). */
const MAX_SOCKET_PATH_BYTES = 107

export interface Settings {
  /** Path of the watcher's Unix socket; '' for commands that need none. */
  readonly socket: string
  /** What the node's server listens on: addresses of the node, of which some may be Service addresses. */
  readonly addresses: readonly Address[]
  /** Service addresses that answer where nobody serves on the node, at most one of a family. */
  readonly fallback: readonly Address[]
}

export class SettingsError extends Error {}

/**
 * @param environment of the process
 * @param needsSocket whether the command talks over the watcher's socket
 * @throws SettingsError with a line for each mistake: the variable, what was found, what was expected
 */
export function readSettings(env: Readonly<Record<string, string | undefined>>, needsSocket: boolean): Settings {
  const mistakes: string[] = []
  const socket = needsSocket ? readSocket(env.SEXTANT_WATCHER ?? '', mistakes) : ''
  const addresses = readAddresses('SEXTANT_NODE_ADDRESSES', env.SEXTANT_NODE_ADDRESSES ?? '', mistakes)
  const fallback = readAddresses('SEXTANT_NODE_FALLBACK', env.SEXTANT_NODE_FALLBACK ?? '', mistakes)
  if (addresses.length === 0 && mistakes.length === 0) {
    mistakes.push('SEXTANT_NODE_ADDRESSES: found nothing, expected addresses with commas in between, as 169.254.20.10')
  }
  checkFallback(addresses, fallback, mistakes)
  if (mistakes.length > 0) throw new SettingsError(mistakes.join('\n'))
  return { socket, addresses, fallback }
}

function readSocket(path: string, mistakes: string[]): string {
  if (!isAbsolute(path)) {
    mistakes.push(`SEXTANT_WATCHER: found "${path}", expected an absolute path, as /run/sextant/watcher.sock`)
  } else if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
    mistakes.push(
      `SEXTANT_WATCHER: found a path of ${Buffer.byteLength(path)} octets, expected at most ${MAX_SOCKET_PATH_BYTES}`,
    )
  }
  return path
}

function readAddresses(variable: string, text: string, mistakes: string[]): Address[] {
  const found: Address[] = []
  if (text.trim() === '') return found
  for (const part of text.split(',')) {
    const address = addressOf(part.trim())
    if (address === undefined) {
      // As kubelet leaves it where it knows no such variable.
      const cure = part.includes('$(') ? ': its Service must be there before the pod' : ''
      mistakes.push(
        `${variable}: found "${part.trim()}", expected IPv4 or IPv6 addresses with commas in between${cure}`,
      )
    } else if (!isReachable(address)) {
      mistakes.push(`${variable}: found "${address.text}", expected an address that pods can send to`)
    } else if (found.some(({ text }) => text === address.text)) {
      mistakes.push(`${variable}: found "${address.text}" twice, expected each address once`)
    } else found.push(address)
  }
  return found
}

/** Replies of a Service go back under the one address of the node that was asked: so there is one of each family. */
function checkFallback(addresses: readonly Address[], fallback: readonly Address[], mistakes: string[]): void {
  for (const family of [4, 6] as const) {
    const services = fallback.filter(address => address.family === family)
    if (services.length > 1) {
      mistakes.push(
        `SEXTANT_NODE_FALLBACK: found ${services.length} IPv${family} addresses, expected at most one of a family`,
      )
    }
    const [service] = services
    if (service !== undefined && addresses.length > 0 && !addresses.some(address => address.family === family)) {
      mistakes.push(
        `SEXTANT_NODE_FALLBACK: found ${service.text}, expected no IPv${family} address where SEXTANT_NODE_ADDRESSES has none`,
      )
    }
    const own = addresses.filter(({ family: of, text }) => of === family && text !== service?.text)
    if (service !== undefined && own.length > 1) {
      mistakes.push(
        `SEXTANT_NODE_ADDRESSES: found ${own.map(({ text }) => text).join(', ')}, ` +
          `expected one IPv${family} address beside ${service.text} of SEXTANT_NODE_FALLBACK`,
      )
    }
  }
}
