/** A cluster as its index takes it in: 10,000 services, every fifth headless, four endpoints each, in 200 namespaces. */
import type { EndpointSlice } from '../../plugins/kubernetes/object/endpointslice.ts'
import type { SlimObject } from '../../plugins/kubernetes/object/object.ts'

export const SERVICES = 10_000
const NAMESPACES = 200
const ENDPOINTS_PER_SLICE = 4

/** The i-th address of 10.NET.0.0/16 and upwards. */
export const address = (net: number, i: number) => `10.${net + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`
export const namespaceOf = (i: number) => `team-${i % NAMESPACES}`

export function* namespaces(): Generator<SlimObject> {
  for (let i = 0; i < NAMESPACES; i++) yield { kind: 'namespace', name: namespaceOf(i) }
}

export function* services(): Generator<SlimObject> {
  for (let i = 0; i < SERVICES; i++) {
    yield {
      kind: 'service',
      namespace: namespaceOf(i),
      name: `service-${i}`,
      clusterIPs: i % 5 === 0 ? [] : [address(96, i)],
      headless: i % 5 === 0,
      externalName: undefined,
      ports: [{ name: 'http', protocol: 'tcp', port: 80 }],
    }
  }
}

/** The slice of service `i`; each generation has other addresses. */
export function sliceOf(i: number, generation = 0): EndpointSlice {
  return {
    kind: 'endpointslice',
    namespace: namespaceOf(i),
    name: `service-${i}-abcde`,
    service: `service-${i}`,
    endpoints: Array.from({ length: ENDPOINTS_PER_SLICE }, (_, j) => ({
      addresses: [address(128 + generation, i * ENDPOINTS_PER_SLICE + j)],
      hostname: '',
      podName: '',
    })),
    ports: [{ name: 'http', protocol: 'tcp', port: 8080 }],
    lastChangeTriggerMs: 0,
  }
}

export function* slices(): Generator<SlimObject> {
  for (let i = 0; i < SERVICES; i++) yield sliceOf(i)
}
