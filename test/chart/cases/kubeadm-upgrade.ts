/** What docs/migrate.md says of kubeadm, shown by kubeadm: whom it refuses, what it writes, what it leaves alone. */
import { deepEqual, equal, match } from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { WORK_DIR } from '../../e2e/netns.ts'
import { Child, must } from '../../harness/process.ts'
import { test } from '../../harness/suite.ts'
import { CHART, fileOf, helmEnvironment, KUBEADM_VALUES, programs, ROOT } from '../chart.ts'
import { COREDNS_VERSION, configurationOf, kubeadm, prepared, VERSION } from '../kubeadm.ts'
import { check } from './corefile.ts'

const IGNORED = '--ignore-preflight-errors=CoreDNSMigration,CoreDNSUnsupportedPlugins'
const OURS = `{imageRepository: registry.example/dns, imageTag: v${COREDNS_VERSION}}`
const COREDNS = `registry.k8s.io/coredns/coredns:v${COREDNS_VERSION}`

/** Knows properties and plugins that kubeadm does not. */
const OWN_COREFILE = `.:53 {
    errors
    multisocket 2
    kubernetes cluster.local {
        compare 10m
    }
    forward . 192.0.2.1
}
`

async function kubectl(...args: string[]): Promise<string> {
  return (await prepared()).kubectl('-n', 'kube-system', ...args)
}

const image = () => kubectl('get', 'deployment', 'coredns', '-o', 'jsonpath={.spec.template.spec.containers[0].image}')
const setImage = (name: string) => kubectl('set', 'image', 'deployment/coredns', `coredns=${name}`)
const corefile = () => kubectl('get', 'configmap', 'coredns', '-o', 'jsonpath={.data.Corefile}')
const setCorefile = (text: string) =>
  kubectl('patch', 'configmap', 'coredns', '--type=merge', '-p', JSON.stringify({ data: { Corefile: text } }))

async function done(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await kubeadm(...args)
  equal(code, 0, `${stdout}${stderr}`)
  return stdout
}

const initAddon = (dns?: string) => kubeadm('init', 'phase', 'addon', 'coredns', '--config', configurationOf(dns))
const upload = (dns?: string) => done('init', 'phase', 'upload-config', 'all', '--config', configurationOf(dns))
const upgradeAddon = (...flags: string[]) => kubeadm('upgrade', 'apply', 'phase', 'addon', 'coredns', VERSION, ...flags)

/** The addon as kubeadm makes it, with this image and Corefile (its own if absent) put in. */
async function addon(name: string, text?: string): Promise<void> {
  await kubectl('delete', 'deployment/coredns', 'configmap/coredns', '--ignore-not-found')
  await upload()
  equal((await initAddon()).code, 0)
  equal(await image(), COREDNS)
  if (name !== COREDNS) await setImage(name)
  if (text) await setCorefile(text)
}

/** What the checks of `kubeadm upgrade plan` find wrong. It is ended when they are over. */
async function findings(...flags: string[]): Promise<string[]> {
  const { kubeconfig } = await prepared()
  const plan = new Child('plan', programs().kubeadm, ['upgrade', 'plan', VERSION, '--kubeconfig', kubeconfig, ...flags])
  await plan.line(/Reading configuration from|fatal errors occurred/, 30_000)
  if (plan.lines.some(line => line.includes('fatal errors'))) await plan.exited
  else await plan.stop('SIGKILL')
  return plan.lines.filter(line => /\[ERROR/.test(line)).map(line => line.trim())
}

test('kubeadm: k8s/ takes the place of what it wrote, object for object', async () => {
  await addon(COREDNS)
  const uid = await kubectl('get', 'deployment', 'coredns', '-o', 'jsonpath={.metadata.uid}')
  await kubectl('apply', '--server-side', '--force-conflicts', '-k', join(ROOT, 'k8s'))
  equal(await image(), 'sextant:0.1.0')
  equal(await kubectl('get', 'deployment', 'coredns', '-o', 'jsonpath={.metadata.uid}'), uid)
})

interface Kept {
  metadata: Record<string, unknown> & { annotations?: Record<string, string> }
  status?: object
}

/** As docs/migrate.md keeps it in before.yaml, without the fields that are to be taken out of that. */
async function kept(): Promise<Kept[]> {
  const names = ['deployment/coredns', 'configmap/coredns', 'service/kube-dns']
  const { items } = JSON.parse(await kubectl('get', ...names, '-o', 'json')) as { items: Kept[] }
  for (const item of items) {
    for (const field of ['uid', 'resourceVersion', 'creationTimestamp', 'managedFields']) delete item.metadata[field]
    delete item.status
  }
  return items
}

/** Without what tells how often it was changed, and by what. */
function content({ metadata, ...rest }: Kept): object {
  const { annotations = {}, generation, ...others } = metadata
  const own = Object.entries(annotations).filter(([name]) => !name.startsWith('kubectl.kubernetes.io/'))
  return { ...rest, metadata: { ...others, annotations: Object.fromEntries(own) } }
}

test('kubeadm: k8s/ by kubectl apply -k, and back from what was kept, field for field', async () => {
  await addon(COREDNS)
  const before = await kept()
  await kubectl('apply', '-k', join(ROOT, 'k8s'))
  equal(await image(), 'sextant:0.1.0')
  const file = fileOf(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: before }))
  await kubectl('apply', '--server-side', '--force-conflicts', '-f', file)
  deepEqual((await kept()).map(content), before.map(content))
})

async function helm(...args: string[]): Promise<string> {
  const { kubeconfig } = await prepared()
  return must(programs().helm, [...args, '--namespace', 'kube-system'], helmEnvironment(kubeconfig))
}

const takeOver = () =>
  helm('upgrade', '--install', 'coredns', CHART, '--take-ownership', '--force-conflicts', '--values', KUBEADM_VALUES)

test('kubeadm: the chart takes over what it wrote, and keeps its Service', async () => {
  await addon(COREDNS)
  const service = ['get', 'service', 'kube-dns', '-o', 'jsonpath={.metadata.uid}{.spec.ports[*].name}']
  const before = await kubectl(...service)
  await takeOver()
  equal(await image(), 'sextant:0.1.0')
  equal(await kubectl(...service), before)
})

test('kubeadm: back from the chart, its addon phase leaves nothing of that, and Helm forgets the release', async () => {
  await addon(COREDNS)
  const [deployment, , service] = await kept()
  await takeOver()
  await setImage(COREDNS)
  equal((await initAddon()).code, 0)
  match(await helm('list', '--short'), /^coredns$/m)
  await kubectl('delete', 'secret', '-l', 'owner=helm,name=coredns')
  equal((await helm('list', '--short')).trim(), '')
  const [deploymentAfter, , serviceAfter] = await kept()
  deepEqual([deploymentAfter!, serviceAfter!].map(content), [deployment!, service!].map(content))
})

for (const tag of ['0.1.0', `${COREDNS_VERSION}-sextant0.1.0`, '1.15.0']) {
  test(`kubeadm: upgrade plan refuses the tag ${tag}, unless it is told not to`, async () => {
    await addon(`sextant:${tag}`)
    const says = `start version '${tag}' not supported`
    deepEqual(await findings(), [
      `[ERROR CoreDNSUnsupportedPlugins]: ${says}`,
      `[ERROR CoreDNSMigration]: CoreDNS will not be upgraded: ${says}`,
    ])
    deepEqual(await findings(IGNORED), [])
  })
}

test('kubeadm: the tag of its own CoreDNS passes with any Corefile, an older one with plugins that it knows', async () => {
  await addon(`sextant:v${COREDNS_VERSION}`, OWN_COREFILE)
  deepEqual(await findings(), [])
  await setImage('sextant:v1.14.1')
  const [unsupported = '', ...others] = await findings()
  match(unsupported, /CoreDNSUnsupportedPlugins.*cannot migrate the following plugins/)
  deepEqual(others, [])
})

test('kubeadm: with a tag that it does not know, the addon phase fails and changes nothing', async () => {
  await addon('sextant:0.1.0', OWN_COREFILE)
  for (const { code, stderr } of [await initAddon(), await upgradeAddon()]) {
    equal(code, 1)
    match(stderr, /start version '0\.1\.0' not supported/)
  }
  equal(await image(), 'sextant:0.1.0')
  equal(await corefile(), OWN_COREFILE)
})

test('kubeadm: an image with its name and its tag is deployed, and kept with its Corefile by an upgrade', async () => {
  await addon(`registry.example/dns/coredns:v${COREDNS_VERSION}`, OWN_COREFILE)
  await upload(OURS)
  for (const { code, stderr } of [await initAddon(OURS), await upgradeAddon()]) equal(code, 0, stderr)
  equal(await image(), `registry.example/dns/coredns:v${COREDNS_VERSION}`)
  equal(await corefile(), OWN_COREFILE)
})

test('kubeadm: with dns.disabled an upgrade leaves it alone', async () => {
  await addon('sextant:0.1.0')
  await upload('{disabled: true}')
  const { code, stdout } = await upgradeAddon()
  equal(code, 0)
  match(stdout, /Skipping the addon\/coredns phase\. The addon is disabled\./)
  equal(await image(), 'sextant:0.1.0')
})

test('kubeadm: a patch of the Deployment that it writes sets the image; the number of replicas stays', async () => {
  await addon(`sextant:v${COREDNS_VERSION}`)
  await kubectl('scale', 'deployment', 'coredns', '--replicas=3')
  const patches = join(WORK_DIR, 'patches')
  mkdirSync(patches)
  const containers = [{ name: 'coredns', image: `registry.example/sextant:v${COREDNS_VERSION}` }]
  const patch = JSON.stringify({ spec: { template: { spec: { containers } } } })
  writeFileSync(join(patches, 'corednsdeployment+strategic.yaml'), patch)
  const { code, stderr } = await upgradeAddon('--patches', patches)
  equal(code, 0, stderr)
  equal(await image(), `registry.example/sextant:v${COREDNS_VERSION}`)
  equal(await kubectl('get', 'deployment', 'coredns', '-o', 'jsonpath={.spec.replicas}'), '3')
})

test('kubeadm: a Corefile that its CoreDNS needs otherwise is rewritten, and kept as Corefile-backup', async () => {
  // Before CoreDNS 1.5.0 there was no `ready`.
  const old = '.:53 {\n    errors\n    health\n    kubernetes cluster.local\n    prometheus :9153\n    cache 30\n}\n'
  await addon('sextant:1.4.0', old)
  const { code, stderr } = await initAddon()
  equal(code, 0, stderr)
  const { data } = JSON.parse(await kubectl('get', 'configmap', 'coredns', '-o', 'json'))
  deepEqual(Object.keys(data).sort(), ['Corefile', 'Corefile-backup'])
  equal(data['Corefile-backup'], old)
  match(data.Corefile, /^ +ready$/m)
  equal(await check(data.Corefile), 'ok')
  equal(await image(), COREDNS)
})

test('kubeadm: two Deployments with the label stop it', async () => {
  await addon(COREDNS)
  const second = JSON.parse(await kubectl('get', 'deployment', 'coredns', '-o', 'json'))
  const { labels } = second.metadata
  const { api } = await prepared()
  const deployment = { ...second, metadata: { name: 'second', namespace: 'kube-system', labels }, status: undefined }
  await api.call('POST', '/apis/apps/v1/namespaces/kube-system/deployments', deployment)
  match((await initAddon()).stderr, /multiple DNS addon deployments found/)
  await kubectl('delete', 'deployment', 'second')
})

test('kubeadm: the way back is the image of CoreDNS, then its addon', async () => {
  await addon('sextant:0.1.0')
  await setImage(COREDNS)
  const { code, stderr } = await initAddon()
  equal(code, 0, stderr)
  equal(await image(), COREDNS)
})

test('kubeadm: it brings the CoreDNS that docs/migrate.md names', async () => {
  const images = await must(programs().kubeadm, ['config', 'images', 'list', '--kubernetes-version', VERSION])
  match(images, new RegExp(`/coredns:v${COREDNS_VERSION}$`, 'm'))
  const text = readFileSync(join(ROOT, 'docs/migrate.md'), 'utf8')
  equal(/imageTag: v(\S+)/.exec(text)?.[1], COREDNS_VERSION)
})
