/** Service (core/v1), cut down to what is served. */
import { identityOf, isDnsLabel, isJson, objectAt, type Trimmed, textAt, textsAt } from './object.ts'
import { type Port, portsOf } from './port.ts'

export interface Service {
  readonly kind: 'service'
  readonly namespace: string
  readonly name: string
  /** Addresses as text, in the API's order; none if headless. What is no address is skipped by the index. */
  readonly clusterIPs: readonly string[]
  /** clusterIP `None`: its names stand for its endpoints. */
  readonly headless: boolean
  /** The target of a Service of type ExternalName; undefined for the other types. */
  readonly externalName: string | undefined
  readonly ports: readonly Port[]
}

export function trimService(json: unknown): Trimmed<Service> {
  if (!isJson(json)) return 'is no object'
  const { namespace, name } = identityOf(json)
  if (!isDnsLabel(name)) return `name "${name}" is no DNS label`
  if (!isDnsLabel(namespace)) return `namespace "${namespace}" is no DNS label`
  const spec = objectAt(json, 'spec')
  const external = textAt(spec, 'type') === 'ExternalName'
  const listed = textsAt(spec, 'clusterIPs')
  const clusterIP = textAt(spec, 'clusterIP')
  const clusterIPs = listed.length > 0 ? listed : clusterIP === '' ? [] : [clusterIP]
  const headless = !external && clusterIPs[0] === 'None'
  return {
    kind: 'service',
    namespace,
    name,
    clusterIPs: external || headless ? [] : clusterIPs,
    headless,
    externalName: external ? textAt(spec, 'externalName') : undefined,
    ports: portsOf(spec),
  }
}
