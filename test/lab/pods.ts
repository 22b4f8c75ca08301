/** Asking from inside of pods, by `kubectl exec`. Runs where suite.ts runs: in the lab's namespaces. */
import { type Output, run } from '../harness/process.ts'
import { kubectl } from './control-plane.ts'

/** The pods that ask, by the C library of their programs. */
export const CLIENTS = [
  { libc: 'musl', pod: 'musl' },
  { libc: 'glibc', pod: 'glibc' },
] as const

export interface PodStatus {
  name: string
  node: string
  ip: string
}

/** Running pods that have this label, sorted by name. */
export async function podsWith(label: string, namespace = 'default'): Promise<PodStatus[]> {
  const fields = ['{.metadata.name}', '{.spec.nodeName}', '{.status.podIP}'].join('{" "}')
  const running = ['-n', namespace, '-l', label, '--field-selector=status.phase=Running']
  const text = await kubectl('get', 'pods', ...running, '-o', `jsonpath={range .items[*]}${fields}{"\\n"}{end}`)
  return lines(text)
    .map(line => line.split(' '))
    .map(([name, node, ip]) => ({ name: name!, node: node!, ip: ip! }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

export async function ipOf(pod: string): Promise<string> {
  return kubectl('get', 'pod', pod, '-o', 'jsonpath={.status.podIP}')
}

/** stdout, without the end of its last line; an error for any code but 0. */
export async function inPod(pod: string, ...command: string[]): Promise<string> {
  return (await kubectl('exec', pod, '--', ...command)).trimEnd()
}

/**
 * What getaddrinfo of the pod's C library says, by name: addresses in the order of their text, or one word `error`.
 */
export async function resolve(pod: string, names: readonly string[]): Promise<Record<string, string>> {
  return parsed(await tried(pod, ['/bin/resolve', ...names]))
}

/** The name that getnameinfo of the pod's C library says, by address. */
export async function reverse(pod: string, addresses: readonly string[]): Promise<Record<string, string>> {
  return parsed(await tried(pod, ['/bin/resolve', '-x', ...addresses]))
}

/** Lines of `dig +short`, sorted. */
export async function digShort(pod: string, ...args: string[]): Promise<string[]> {
  return lines(await inPod(pod, 'dig', '+short', ...args)).sort()
}

export async function tried(pod: string, command: readonly string[]): Promise<Output> {
  return run('kubectl', ['exec', pod, '--', ...command])
}

function parsed({ stdout }: Output): Record<string, string> {
  const answers = lines(stdout).map(line => {
    const [, name, rest] = /^(\S+): ?(.*)$/.exec(line)!
    return [name!, rest!.startsWith('error') ? 'error' : rest!.split(' ').sort().join(' ')] as const
  })
  return Object.fromEntries(answers)
}

export function lines(text: string): string[] {
  return text.split('\n').filter(Boolean)
}
