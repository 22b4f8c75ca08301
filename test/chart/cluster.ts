/** The API server that the chart is applied to: made when a test first asks for it. */
import { Cluster } from '../e2e/cluster.ts'
import { programs } from './chart.ts'

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

async function start(): Promise<Cluster> {
  const { apiserver, etcd, kubectl } = programs()
  current = new Cluster({ name: 'chart', apiserver, etcd, kubectl, port: 443, etcdPort: 2379 })
  await current.start()
  return current
}
