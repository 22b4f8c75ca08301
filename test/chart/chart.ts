/**
 * The chart as helm renders it: objects of the parsed YAML, under the names `Kind/name`. Values are files that are written
 * for the call, below `WORK_DIR`, which is gone with the suite.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { KubernetesObject } from '../e2e/api-client.ts'
import { WORK_DIR } from '../e2e/netns.ts'
import { must, type Output, run } from '../harness/process.ts'

export const ROOT = join(import.meta.dirname, '../..')
export const CHART = join(ROOT, 'k8s/chart')
export const KUBEADM_VALUES = join(CHART, 'kubeadm-values.yaml')

export type Objects = ReadonlyMap<string, KubernetesObject>

/** Programs that run.ts found. */
export interface Programs {
  helm: string
  kubeadm: string
  /** CustomResourceDefinitions of the Prometheus operator, in YAML. */
  definitions: string
  kubectl: string
  apiserver: string
  etcd: string
  /** Undefined where they are not to be had. */
  prometheus?: string
  promtool?: string
}

let found: Programs | undefined

export function setPrograms(programs: Programs): void {
  found = programs
}

export function programs(): Programs {
  if (!found) throw new Error('the programs were not looked for yet')
  return found
}

export interface RenderOptions {
  release?: string
  namespace?: string
  /** Value files before `values`. */
  files?: readonly string[]
}

let written = 0

/** A file with this text in it. */
export function fileOf(text: string): string {
  const file = join(WORK_DIR, `${++written}.yaml`)
  writeFileSync(file, text)
  return file
}

function arguments_(command: string, values: string, options: RenderOptions): string[] {
  const { release = 'dns', namespace = 'kube-system', files = [] } = options
  const given = [...files, fileOf(values)].flatMap(file => ['--values', file])
  return [command, release, CHART, '--namespace', namespace, ...given]
}

/** `helm COMMAND` of the chart with these values, in YAML; any exit code. */
export function helm(command: string, values: string, options: RenderOptions = {}, ...more: string[]): Promise<Output> {
  return run(programs().helm, [...arguments_(command, values, options), ...more], helmEnvironment())
}

/** What helm keeps goes with the suite too. */
export function helmEnvironment(kubeconfig?: string): NodeJS.ProcessEnv {
  const home = join(WORK_DIR, 'helm')
  return {
    ...process.env,
    HELM_CACHE_HOME: `${home}/cache`,
    HELM_CONFIG_HOME: `${home}/config`,
    HELM_DATA_HOME: `${home}/data`,
    ...(kubeconfig ? { KUBECONFIG: kubeconfig } : {}),
  }
}

/** The manifest that helm renders. Whatever it warns of is an error. */
export async function manifest(values: string, options: RenderOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await helm('template', values, options)
  if (code !== 0 || stderr !== '') throw new Error(`helm template ended with code ${code}\n${stderr}`)
  return stdout
}

export async function render(values: string, options: RenderOptions = {}): Promise<Objects> {
  return objectsOf(await manifest(values, options))
}

export async function kustomize(folder: string): Promise<Objects> {
  return objectsOf(await must(programs().kubectl, ['kustomize', folder]))
}

/** Duplicate keys are errors, and so are two objects of one kind and name. */
export function objectsOf(text: string): Objects {
  const objects = new Map<string, KubernetesObject>()
  for (const document of parseAllDocuments(text)) {
    const [problem] = [...document.errors, ...document.warnings]
    if (problem) throw problem
    const object = document.toJS() as KubernetesObject | null
    if (!object) continue
    const key = `${object.kind}/${object.metadata.name}`
    if (objects.has(key)) throw new Error(`two objects are ${key}`)
    objects.set(key, object)
  }
  return objects
}

/** The Corefile of a ConfigMap. */
export function corefileOf(objects: Objects, name: string): string {
  const { data } = objects.get(`ConfigMap/${name}`) as unknown as { data: { Corefile: string } }
  return data.Corefile
}
