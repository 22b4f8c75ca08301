/** k8s/deployment.yaml gives the pod no more rights than `npm run promises -- arbitrary` shows to be enough. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { load } from 'js-yaml'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { root } from './built.ts'

const test = suite('manifests')

interface Pod {
  readonly securityContext: Readonly<Record<string, unknown>>
  readonly containers: readonly {
    readonly securityContext: Readonly<Record<string, unknown>>
    readonly env: readonly { readonly name: string; readonly value: string }[]
    readonly volumeMounts: readonly { readonly readOnly?: boolean }[]
  }[]
  readonly hostNetwork?: boolean
  readonly hostPID?: boolean
  readonly hostIPC?: boolean
}

const deployment = load(readFileSync(join(root, 'k8s/deployment.yaml'), 'utf8'))
const pod = (deployment as { spec: { template: { spec: Pod } } }).spec.template.spec

test('the pod: not root, a filter of system calls, ports from 53 on, nothing of the host', () => {
  assert.equal(pod.securityContext, {
    runAsNonRoot: true,
    runAsUser: 65532,
    runAsGroup: 65532,
    fsGroup: 65532,
    seccompProfile: { type: 'RuntimeDefault' },
    sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '53' }],
  })
  assert.equal([pod.hostNetwork, pod.hostPID, pod.hostIPC], [undefined, undefined, undefined])
})

test('each container: one capability, no new privileges, a read-only root and mounts', () => {
  assert.is(pod.containers.length, 1)
  for (const { securityContext, volumeMounts } of pod.containers) {
    assert.equal(securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { add: ['NET_BIND_SERVICE'], drop: ['ALL'] },
    })
    assert.equal(
      volumeMounts.map(({ readOnly }) => readOnly),
      [true],
    )
  }
})

test("Node's permission model is on", () => {
  assert.equal(pod.containers[0]!.env, [{ name: 'SEXTANT_PERMISSION', value: '1' }])
})

test.run()
