/** The API server that the chart is applied to: made when a test first asks for it. */
import { Cluster } from '../e2e/cluster.ts'
import { run } from '../harness/process.ts'
import { programs } from './chart.ts'

/** Flags of `kubectl apply`: unknown fields are errors, and names are printed. */
export const STRICT = ['--server-side', '--validate=strict', '-o', 'name']

let starting: Promise<Cluster> | undefined
let current: Cluster | undefined

export function cluster(): Promise<Cluster> {
  starting ??= start()
  return starting
}

/** The API server's last lines, empty before it was asked for. */
export function tail(): string {
  return current?.tail() ?? ''
}

/** kubectl as administrator; what it warns of is an error. */
export async function kubectl(...args: string[]): Promise<string> {
  const { kubeconfig } = await cluster()
  const { code, stdout, stderr } = await run(programs().kubectl, args, { ...process.env, KUBECONFIG: kubeconfig })
  if (code !== 0 || stderr !== '') throw new Error(`kubectl ${args.join(' ')} ended with code ${code}\n${stderr}`)
  return stdout
}

async function start(): Promise<Cluster> {
  const { apiserver, etcd, kubectl } = programs()
  current = new Cluster({ name: 'chart', apiserver, etcd, kubectl, port: 443, etcdPort: 2379 })
  await current.start()
  return current
}
