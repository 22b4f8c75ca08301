/** How long an API server takes to send what a start needs: asked as a server asks, read and thrown away. */
import { request } from 'node:http'
import { protobuf } from './write.ts'

const PATHS = {
  namespaces: '/api/v1/namespaces',
  services: '/api/v1/services',
  endpointslices: '/apis/discovery.k8s.io/v1/endpointslices',
  pods: '/api/v1/pods',
} as const

export type Listed = keyof typeof PATHS

/** Milliseconds until the last of the streaming lists has arrived, and their octets. */
export async function drain(url: string, resources: readonly Listed[]): Promise<{ tookMs: number; octets: number }> {
  const startMs = performance.now()
  const octets = await Promise.all(resources.map(resource => drainOne(url + PATHS[resource])))
  return { tookMs: performance.now() - startMs, octets: octets.reduce((sum, one) => sum + one, 0) }
}

function drainOne(url: string): Promise<number> {
  const query = 'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true'
  return new Promise((resolve, reject) => {
    const sent = request(`${url}?${query}`, { headers: { accept: protobuf.contentType } }, response => {
      let octets = 0
      response.on('data', (chunk: Buffer) => {
        octets += chunk.length
        if (!chunk.includes('k8s.io/initial-events-end')) return
        resolve(octets)
        response.destroy()
      })
      response.on('error', () => {})
    })
    sent.on('error', reject)
    sent.end()
  })
}
