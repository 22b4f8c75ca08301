/** What an API server writes: kinds and versions by path, objects with their version, events, and when there is room for more. */
import type { ServerResponse } from 'node:http'
import type { FakeObject } from './fake-api-server.ts'

export const LIST_KINDS: Record<string, string> = {
  '/api/v1/services': 'ServiceList',
  '/api/v1/namespaces': 'NamespaceList',
  '/api/v1/pods': 'PodList',
  '/apis/discovery.k8s.io/v1/endpointslices': 'EndpointSliceList',
  '/apis/multicluster.x-k8s.io/v1alpha1/serviceimports': 'ServiceImportList',
}

/** Resolves once the response takes more, or takes no more. */
export function writable(response: ServerResponse): Promise<void> {
  return new Promise(resolve => {
    const settle = () => {
      response.off('drain', settle).off('close', settle)
      resolve()
    }
    response.on('drain', settle).on('close', settle)
  })
}

export function eventText(type: string, object: FakeObject): string {
  return `${JSON.stringify({ type, object })}\n`
}

/** `/apis/GROUP/VERSION/resource`, or `/api/v1/resource` for the group without a name. */
export function apiVersionOf(path: string): string {
  return path.replace(/^\/apis?\//, '').replace(/\/[^/]+$/, '')
}

export function keyOf({ metadata }: FakeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`
}

export function withVersion(object: FakeObject, version: number): FakeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } }
}
