/**
 * What operators read about the API server: one line when something goes wrong, one when it is well again. Trouble that
 * all resources share (nobody answers, our credentials are refused) is told once, not once per resource.
 */
import * as serverLog from '../../../server/log.ts'
import { cells, counter } from '../../../server/metrics.ts'
import { ApiError, textOf } from '../informer/api-error.ts'
import type { Reporter } from '../informer/reflector.ts'
import { fullName, type Resource } from '../informer/resource.ts'

/** The levels that sources use of the server's log. */
export type SourceLog = Pick<typeof serverLog, 'info' | 'warn' | 'error'>

type Trouble = 'unreachable' | 'unauthorized' | 'forbidden' | 'failing'

/** One comparison that fails is nothing to tell: the next one is a minute away. */
const MANY_FAILURES = 3

const drifted = counter(
  'sextant_kubernetes_drift_total',
  'Objects that a comparison with the API server found other than watches had told.',
  'resource',
)

export class ApiReporter implements Reporter {
  readonly #server: string
  readonly #log: SourceLog
  readonly #troubles = new Map<Resource, Trouble>()
  /** Optional resources that the API server does not know, by name. */
  readonly #absent = new Set<string>()
  /** Comparisons that failed one after the other, by resource. */
  readonly #uncompared = new Map<string, number>()

  constructor(server: string, log: SourceLog = serverLog) {
    this.#server = server
    this.#log = log
  }

  failed(resource: Resource, during: 'list' | 'watch', error: unknown): void {
    const trouble = troubleOf(error)
    const told = this.#troubles.get(resource) === trouble || this.#isShared(resource, trouble)
    this.#troubles.set(resource, trouble)
    if (told) return
    const text = this.#text(trouble, resource, during, error)
    if (trouble === 'unauthorized' || trouble === 'forbidden') this.#log.error('kubernetes', text)
    else this.#log.warn('kubernetes', text)
  }

  works(resource: Resource): void {
    drifted(resource.name) // there at 0, or Prometheus would not see the first drift as an increase
    if (this.#absent.delete(resource.name)) {
      this.#log.info('kubernetes', `the API server ${this.#server} knows ${fullName(resource)} now`)
    }
    this.#healed(resource)
  }

  absent(resource: Resource): void {
    this.#healed(resource)
    if (this.#absent.has(resource.name)) return
    this.#absent.add(resource.name)
    this.#log.info('kubernetes', `the API server ${this.#server} does not know ${fullName(resource)}: there are none`)
  }

  mended(resource: Resource, objects: number): void {
    cells[drifted(resource.name)]! += objects
    const text = `a comparison with the API server ${this.#server} mended ${objects} ${objects === 1 ? 'object' : 'objects'}`
    this.#log.warn('kubernetes', `${fullName(resource)}: ${text} that no watch had told of`)
  }

  compared(resource: Resource, error: unknown): void {
    if (error === undefined) {
      if ((this.#uncompared.get(resource.name) ?? 0) >= MANY_FAILURES) {
        this.#log.info('kubernetes', `${fullName(resource)} can be compared again`)
      }
      this.#uncompared.delete(resource.name)
      return
    }
    const failures = (this.#uncompared.get(resource.name) ?? 0) + 1
    this.#uncompared.set(resource.name, failures)
    if (failures !== MANY_FAILURES) return
    this.#log.warn('kubernetes', `cannot compare ${fullName(resource)}, trying again: ${textOf(error)}`)
  }

  #healed(resource: Resource): void {
    const trouble = this.#troubles.get(resource)
    if (trouble === undefined) return
    this.#troubles.delete(resource)
    if (this.#isShared(resource, trouble)) return
    if (isOfServer(trouble)) this.#log.info('kubernetes', `the API server ${this.#server} answers again`)
    else this.#log.info('kubernetes', `${fullName(resource)} can be listed and watched again`)
  }

  /** True if it is known already from another resource: any, or another selection of the same one. */
  #isShared(resource: Resource, trouble: Trouble): boolean {
    for (const [other, known] of this.#troubles) {
      if (other === resource || known !== trouble) continue
      if (isOfServer(trouble) || other.name === resource.name) return true
    }
    return false
  }

  #text(trouble: Trouble, resource: Resource, during: 'list' | 'watch', error: unknown): string {
    const cause = textOf(error)
    switch (trouble) {
      case 'unreachable':
        return `${cause}; answering with what is known, trying again`
      case 'unauthorized':
        return (
          `the API server ${this.#server} does not know us (401) when asked to ${during} ${fullName(resource)}, ` +
          `expected a token or client certificate that is valid: ${cause}`
        )
      case 'forbidden':
        return `${forbidden(resource, during)}: ${cause}`
      case 'failing':
        return `cannot ${during} ${fullName(resource)}, trying again: ${cause}`
    }
  }
}

function isOfServer(trouble: Trouble): boolean {
  return trouble === 'unreachable' || trouble === 'unauthorized'
}

function troubleOf(error: unknown): Trouble {
  if (!(error instanceof ApiError)) return 'failing'
  if (error.status === 401) return 'unauthorized'
  if (error.status === 403) return 'forbidden'
  return error.status === 0 ? 'unreachable' : 'failing'
}

/** One line that names what is missing, and the rule that would do. */
function forbidden(resource: Resource, during: 'list' | 'watch'): string {
  const rule = `apiGroups: ["${resource.group}"], resources: ["${resource.name}"], verbs: ["list", "watch"]`
  const until = during === 'list' ? 'not ready' : 'a change shows seconds late'
  return (
    `no permission to ${during} ${fullName(resource)} at the cluster scope, ` +
    `${until} until a ClusterRoleBinding gives our user a ClusterRole with ${rule}`
  )
}
