/** Namespace (core/v1), cut down to its name. */
import { identityOf, isDnsLabel, isJson, type Trimmed } from './object.ts'

export interface Namespace {
  readonly kind: 'namespace'
  readonly name: string
}

export function trimNamespace(json: unknown): Trimmed<Namespace> {
  if (!isJson(json)) return 'is no object'
  const { name } = identityOf(json)
  return isDnsLabel(name) ? { kind: 'namespace', name } : `name "${name}" is no DNS label`
}
