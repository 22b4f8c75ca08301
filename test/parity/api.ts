/** The API server that both servers watch: the fake one with the objects of cluster.ts, and selectors as a real one has. */
import { FakeApiServer, type FakeObject, type FakeRequest } from '../harness/fake-api-server.ts'
import { cluster } from './cluster.ts'

const PATHS: Record<string, string> = {
  Namespace: '/api/v1/namespaces',
  Service: '/api/v1/services',
  EndpointSlice: '/apis/discovery.k8s.io/v1/endpointslices',
  Pod: '/api/v1/pods',
  ServiceImport: '/apis/multicluster.x-k8s.io/v1alpha1/serviceimports',
}

export async function startApi(tls?: { cert: string; key: string; ca: string }): Promise<FakeApiServer> {
  const api = await FakeApiServer.start(tls ? { tls } : {})
  api.selects = isSelected
  for (const object of cluster) api.put(PATHS[object.kind]!, object)
  return api
}

function isSelected({ query }: FakeRequest, object: FakeObject): boolean {
  const labels: Record<string, string> = object.metadata.labels ?? {}
  return (
    requirements(query.get('labelSelector') ?? '').every(text => meets(labels, text)) &&
    requirements(query.get('fieldSelector') ?? '').every(text => meetsField(object, text))
  )
}

/** Parted at commas, those within parentheses aside. */
function requirements(selector: string): string[] {
  return selector.split(/,(?![^(]*\))/).filter(text => text !== '')
}

function meets(labels: Record<string, string>, text: string): boolean {
  const set = /^(\S+) (in|notin) \((.*)\)$/.exec(text)
  if (set) {
    const isIn = set[3]!.split(',').some(value => labels[set[1]!] === value.trim())
    return set[2] === 'in' ? isIn : !isIn
  }
  const equality = /^([^!=]+)(!?=)=?(.*)$/.exec(text)
  if (equality) return (labels[equality[1]!] === equality[3]) === (equality[2] === '=')
  return text.startsWith('!') ? !(text.slice(1) in labels) : text in labels
}

/** `status.phase!=Failed` is all that is asked for. */
function meetsField(object: FakeObject, text: string): boolean {
  const [, path, value] = /^([\w.]+)!=(\w+)$/.exec(text) ?? []
  if (path === undefined) throw new Error(`field selector "${text}", expected PATH!=VALUE`)
  const found = path.split('.').reduce<FakeObject | undefined>((at, name) => at?.[name], object)
  return String(found) !== value
}
