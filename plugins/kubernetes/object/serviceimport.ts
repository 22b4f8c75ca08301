/** ServiceImport (multicluster.x-k8s.io/v1alpha1), cut down to what is served: in its index it is a Service (KEP-1645). */
import { identityOf, isDnsLabel, isJson, objectAt, type Trimmed, textAt, textsAt } from './object.ts'
import { portsOf } from './port.ts'
import type { Service } from './service.ts'

export function trimServiceImport(json: unknown): Trimmed<Service> {
  if (!isJson(json)) return 'is no object'
  const { namespace, name } = identityOf(json)
  if (!isDnsLabel(name)) return `name "${name}" is no DNS label`
  if (!isDnsLabel(namespace)) return `namespace "${namespace}" is no DNS label`
  const spec = objectAt(json, 'spec')
  const headless = textAt(spec, 'type') === 'Headless'
  return {
    kind: 'service',
    namespace,
    name,
    clusterIPs: headless ? [] : textsAt(spec, 'ips'),
    headless,
    externalName: undefined,
    ports: portsOf(spec),
  }
}
