/** The Corefiles that clusters ship: each one builds, or names exactly the plugins that are missing here. */
import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { plugins } from '../../plugins/index.ts'
import { build } from '../../server/control/build.ts'
import { readConfiguration } from '../../server/control/configuration.ts'
import { CorefileErrors } from '../../server/corefile/error.ts'
import { originOf, temporaryFolder } from '../harness/server.ts'

const test = suite('corpus')

const CORPUS: { name: string; missing: readonly string[]; listeners: readonly string[] }[] = [
  { name: 'kubeadm', missing: [], listeners: ['dns://:53'] },
  { name: 'kube-up', missing: [], listeners: ['dns://:53'] },
  { name: 'k3s', missing: [], listeners: ['dns://:53'] },
  { name: 'eks', missing: [], listeners: ['dns://:53'] },
  { name: 'aks', missing: ['template'], listeners: [] },
  { name: 'gke', missing: [], listeners: ['dns://169.254.20.10:53', 'dns://10.8.0.10:53'] },
  { name: 'nodelocal', missing: [], listeners: ['dns://169.254.20.10:53', 'dns://10.96.0.10:53'] },
]

for (const { name, missing, listeners } of CORPUS) {
  test(`${name} ${missing.length === 0 ? 'builds' : `lacks ${missing.join(', ')}`}`, () => {
    const folder = temporaryFolder()
    try {
      // What stands in /etc differs from machine to machine.
      const resolvers = folder.write('resolv.conf', 'nameserver 192.0.2.1\n')
      const text = readFileSync(`${import.meta.dirname}/${name}.Corefile`, 'utf8')
      const file = folder.write('Corefile', text.replaceAll('/etc/resolv.conf', resolvers))
      const parsed = readConfiguration(originOf(file, folder.path))
      try {
        const generation = build(parsed, { plugins, port: 53, reload: async () => false })
        assert.equal([...generation.plans.keys()], listeners)
        assert.equal(missing, [])
      } catch (error) {
        if (!(error instanceof CorefileErrors)) throw error
        const found = error.errors.map(({ code, message }) => `${code} ${/"([^"]+)"/.exec(message)?.[1]}`)
        assert.equal(
          found,
          missing.map(plugin => `COREFILE_UNAVAILABLE_DIRECTIVE ${plugin}`),
          error.message,
        )
      }
    } finally {
      folder.remove()
    }
  })
}

test.run()
