/** Every `corefile` block in every README and page of docs/ builds, so that what is shown is what works. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { plugins } from '../plugins/index.ts'
import { build } from '../server/control/build.ts'
import { readConfiguration } from '../server/control/configuration.ts'
import { originOf, temporaryFolder } from './harness/server.ts'
import { pem } from './harness/tls.ts'

const test = suite('readme')
const root = `${import.meta.dirname}/..`
const pages = globSync(['README.md', 'docs/**/*.md', 'k8s/**/*.md', 'plugins/*/README.md'], { cwd: root }).sort()

/** Files that examples may name. */
const CERTIFICATES = ['server.crt', 'server.key', 'ca.crt']

interface Example {
  readonly page: string
  readonly line: number
  readonly text: string
}

function examplesOf(page: string): Example[] {
  const text = readFileSync(`${root}/${page}`, 'utf8')
  const examples: Example[] = []
  for (const { index, 1: body = '' } of text.matchAll(/^(?:```|~~~)corefile\n(.*?)^(?:```|~~~)$/gms)) {
    examples.push({ page, line: text.slice(0, index).split('\n').length, text: body })
  }
  return examples
}

const examples = pages.flatMap(examplesOf)

for (const { page, line, text } of examples) {
  test(`${page}:${line}`, () => {
    const folder = temporaryFolder()
    try {
      const resolvers = folder.write('resolv.conf', 'nameserver 192.0.2.1\n')
      for (const name of CERTIFICATES) folder.write(name, pem(name))
      const file = folder.write('Corefile', text.replaceAll('/etc/resolv.conf', resolvers))
      build(readConfiguration(originOf(file, folder.path)), { plugins, port: 53, reload: async () => false })
    } finally {
      folder.remove()
    }
  })
}

for (const { name } of plugins) {
  test(`the README of ${name} has an example that uses it`, () => {
    const page = `plugins/${name}/README.md`
    assert.ok(existsSync(`${root}/${page}`), `${page} is missing`)
    const uses = examplesOf(page).filter(({ text }) => new RegExp(`^\\s*${name}\\b`, 'm').test(text))
    assert.ok(uses.length > 0, `no \`\`\`corefile block in ${page} uses ${name}`)
  })
}

test.run()
