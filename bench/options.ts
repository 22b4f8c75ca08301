/** The arguments of a run of the suite. */
import { parseArgs } from 'node:util'
import type { Target } from './dnsperf.ts'
import type { Settings, Suite } from './settings.ts'

export interface Options {
  readonly suite: Suite
  readonly only: readonly string[]
  readonly isAlone: boolean
  readonly isJson: boolean
  /** A kept run to compare with, and by how much a ratio may be worse. */
  readonly against: string | undefined
  readonly threshold: number
  readonly settings: Settings
}

const SUITES: readonly string[] = ['main', 'forward', 'scale'] satisfies readonly Suite[]

/** @throws Error for what cannot be meant */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      suite: { type: 'string', default: 'main' },
      only: { type: 'string', default: '' },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '3' },
      'long-seconds': { type: 'string', default: '30' },
      kubeconfig: { type: 'string' },
      peer: { type: 'string' },
      'peer-pid': { type: 'string' },
      'peer-name': { type: 'string', default: 'peer' },
      alone: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      against: { type: 'string' },
      threshold: { type: 'string', default: '15' },
    },
  })
  const positive = (name: 'rounds' | 'seconds' | 'long-seconds' | 'threshold') => {
    const number = Number(values[name])
    if (!(number > 0)) throw new Error(`--${name} "${values[name]}", expected a number above 0`)
    return number
  }
  if (!SUITES.includes(values.suite)) throw new Error(`--suite "${values.suite}", expected ${SUITES.join(', ')}`)
  return {
    suite: values.suite as Suite,
    only: values.only.split(',').filter(name => name !== ''),
    isAlone: values.alone,
    isJson: values.json,
    against: values.against,
    threshold: positive('threshold') / 100,
    settings: {
      rounds: positive('rounds'),
      seconds: positive('seconds'),
      longSeconds: positive('long-seconds'),
      kubeconfig: values.kubeconfig,
      peer: readPeer(values.peer, values['peer-pid'], values['peer-name']),
    },
  }
}

function readPeer(place: string | undefined, pid: string | undefined, name: string): Target | undefined {
  if (place === undefined) return undefined
  const [, address, port] = /^(.+):(\d+)$/.exec(place) ?? []
  if (address === undefined || !/^\d+$/.test(pid ?? '')) {
    throw new Error(`--peer "${place}", expected ADDRESS:PORT and --peer-pid PID`)
  }
  return { name, address, port: Number(port), pid: Number(pid) }
}
