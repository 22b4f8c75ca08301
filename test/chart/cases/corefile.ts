/** The Corefile that values come to: `sextant check` takes it, and it says what the values say. */
import { deepEqual, equal } from 'node:assert/strict'
import { join } from 'node:path'
import { parseCorefile } from '../../../server/corefile/corefile.ts'
import type { Token } from '../../../server/corefile/lexer.ts'
import { run } from '../../harness/process.ts'
import { test } from '../../harness/suite.ts'
import { corefileOf, fileOf, KUBEADM_VALUES, ROOT, render } from '../chart.ts'

/** What a Corefile says, without where its lines stand: keys, and words of directives and of their properties. */
export function meaningOf(corefile: string): unknown {
  const words = ({ name, args }: { name: Token; args: readonly Token[] }) => [name, ...args].map(({ text }) => text)
  return parseCorefile(corefile, 'Corefile').blocks.map(({ serverKeys, directives }) => ({
    keys: serverKeys.map(({ zone, port }) => `${zone}:${port ?? 53}`),
    directives: directives.map(directive => ({ line: words(directive), block: directive.properties.map(words) })),
  }))
}

/** What `sextant check` prints. */
export async function check(corefile: string): Promise<string> {
  const { code, stdout, stderr } = await run(join(ROOT, 'bin/sextant'), ['check', fileOf(corefile)])
  return code === 0 ? 'ok' : `${stdout}${stderr}`
}

const CLUSTER = `.:53 {
    errors
    health {
        lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
        max_concurrent 1000
    }
`

const ROWS: readonly { name: string; values: string; files?: readonly string[]; configMap?: string; want: string }[] = [
  {
    name: 'the default',
    values: '',
    want: `${CLUSTER}
    cache 30
    loop
    reload
    loadbalance
}`,
  },
  {
    name: "kubeadm's",
    values: '',
    files: [KUBEADM_VALUES],
    configMap: 'coredns',
    want: `${CLUSTER}
    cache 30 {
        disable success cluster.local
        disable denial cluster.local
    }
    loop
    reload
    loadbalance
}`,
  },
  {
    name: 'several servers, zones, ports, and words in quotes',
    values: `
servers:
  - zones: [{zone: a.example, scheme: dns://}, {zone: 10.0.0.0/8}]
    port: 5300
    plugins:
      - {name: whoami}
      - {name: log, parameters: '. "{remote} {name}"'}
  - plugins:
      - name: hosts
        configBlock: |
          192.0.2.1 b.example
          ttl 60

          fallthrough
      - {name: forward, parameters: . 192.0.2.53}
      - {name: cache, parameters: 9984}`,
    want: `a.example:5300 10.0.0.0/8:5300 {
    whoami
    log . "{remote} {name}"
}
. {
    hosts {
        192.0.2.1 b.example
        ttl 60
        fallthrough
    }
    forward . 192.0.2.53
    cache 9984
}`,
  },
  {
    name: 'lines before the blocks',
    values: `
extraConfig: {import: {parameters: /nowhere/*.conf}}
servers: [{zones: [{zone: a.example}], port: 53, plugins: [{name: whoami}]}]`,
    want: `a.example:53 {
    whoami
}`,
  },
]

for (const { name, values, files = [], configMap = 'dns-sextant', want } of ROWS) {
  test(`corefile: ${name}`, async () => {
    const corefile = corefileOf(await render(values, { files }), configMap)
    deepEqual(meaningOf(corefile), meaningOf(want))
    equal(await check(corefile), 'ok')
  })
}

test('corefile: lines before the blocks stand before the blocks', async () => {
  const corefile = corefileOf(await render('extraConfig: {import: {parameters: /nowhere/*.conf}}'), 'dns-sextant')
  equal(corefile.split('\n')[0], 'import /nowhere/*.conf')
})
