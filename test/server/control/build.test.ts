import { networkInterfaces } from 'node:os'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin as bind } from '../../../plugins/bind/bind.ts'
import { build } from '../../../server/control/build.ts'
import type { Configuration } from '../../../server/control/configuration.ts'
import type { Generation } from '../../../server/control/generation.ts'
import { readCorefile } from '../../../server/corefile/corefile.ts'
import { CorefileErrors } from '../../../server/corefile/error.ts'
import type { Plugin, Site, Stage } from '../../../server/plugin.ts'
import { text } from '../../harness/message.ts'
import { originOf } from '../../harness/server.ts'

const test = suite('build')

/** A plugin that takes anything but arguments; what its stage is like is up to the test. */
function fake(name: string, stage: (site: Site) => Stage = () => ({})): Plugin {
  return {
    name,
    setup(directive, site) {
      directive.map(occurrence => occurrence.noArguments())
      return stage(site)
    },
  }
}

function configurationOf(corefile: string): Configuration {
  const texts = { files: new Map(), folders: new Map() }
  return { ...readCorefile(corefile, 'Corefile'), origin: originOf('Corefile', '/etc/coredns'), text: corefile, texts }
}

function buildText(
  corefile: string,
  plugins: readonly Plugin[] = [bind, fake('cache'), fake('forward')],
  port = 53,
): Generation {
  return build(configurationOf(corefile), { plugins, port, reload: async () => false })
}

/** `address:port → zones` of every listener; other schemes than dns in front. */
function plansOf(generation: Generation): string {
  return [...generation.plans].map(([key, { zones }]) => `${key.replace('dns://', '')} → ${zones.join(' ')}`).join('\n')
}

const LISTENERS: { name: string; corefile: string; port?: number; plans: string }[] = [
  { name: 'the default port', corefile: '. {\n}', plans: ':53 → .' },
  {
    name: 'the port of the flag',
    corefile: '. {\n}\na:53 {\n}',
    port: 1053,
    plans: text`
    :1053 → .
    :53 → a.`,
  },
  {
    name: 'several keys',
    corefile: 'a b:54 c {\n}',
    plans: text`
    :53 → a. c.
    :54 → b.`,
  },
  { name: 'several blocks on one listener', corefile: 'a {\n}\nb {\n}', plans: ':53 → a. b.' },
  {
    name: 'bound addresses',
    corefile: '. {\nbind 127.0.0.1 ::1\n}',
    plans: text`
    127.0.0.1:53 → .
    [::1]:53 → .`,
  },
  {
    name: 'one zone on two addresses',
    corefile: 'a {\nbind 127.0.0.1\n}\na {\nbind 127.0.0.2\n}',
    plans: text`
    127.0.0.1:53 → a.
    127.0.0.2:53 → a.`,
  },
  {
    name: 'one zone on two ports',
    corefile: 'a {\n}\na:54 {\n}',
    plans: text`
    :53 → a.
    :54 → a.`,
  },
  { name: 'a CIDR between octets', corefile: '10.0.0.0/15 {\n}', plans: ':53 → 0.10.in-addr.arpa. 1.10.in-addr.arpa.' },
]

for (const { name, corefile, port, plans } of LISTENERS) {
  test(`listeners: ${name}`, () => assert.is(plansOf(buildText(corefile, undefined, port)), plans))
}

const ERRORS: { name: string; corefile: string; says: string }[] = [
  {
    name: 'an unknown directive',
    corefile: '. {\nfoward\n}',
    says: 'Corefile:2:1: unknown directive "foward" (did you mean "forward"?), expected bind, cache or forward',
  },
  {
    name: 'a plugin of CoreDNS that is missing',
    corefile: '. {\nrewrite stop\n}',
    says: 'Corefile:2:1: plugin "rewrite" of CoreDNS is not part of Sextant yet, expected bind, cache or forward',
  },
  {
    name: 'a transport of CoreDNS that is missing',
    corefile: 'quic://. {\n}',
    says: 'Corefile:1:1: transport "quic" of CoreDNS is not part of Sextant yet, expected dns, tls or https',
  },
  {
    name: 'a zone served twice',
    corefile: 'a {\n}\nb A. {\n}',
    says: 'Corefile:3:3: zone "a." on :53 is served at Corefile:1:1 already, expected one server block for each zone and address',
  },
  {
    name: 'a zone served on one and on every address',
    corefile: 'a {\nbind 127.0.0.1\n}\na {\n}',
    says: 'Corefile:4:1: zone "a." on :53 is served at Corefile:1:1 already, expected one server block for each zone and address',
  },
  {
    name: 'a zone served on every and on one address',
    corefile: 'a {\n}\na {\nbind 127.0.0.1\n}',
    says: 'Corefile:3:1: zone "a." on 127.0.0.1:53 is served at Corefile:1:1 already, expected one server block for each zone and address',
  },
  {
    name: 'all of them, in the order of the file',
    corefile: '. {\nforward x\ncache y\nnosuch\n}',
    says: text`
      Corefile:2:9: forward: surplus argument "x" of "forward", expected none
      Corefile:3:7: cache: surplus argument "y" of "cache", expected none
      Corefile:4:1: unknown directive "nosuch", expected bind, cache or forward`,
  },
  {
    name: 'a placeholder that is no address is one mistake, not two',
    corefile: '. {\nbind __PILLAR__LOCAL__DNS__ nowhere\n}',
    says: text`
    Corefile:2:6: "__PILLAR__LOCAL__DNS__" is a placeholder of NodeLocal DNSCache, expected the node's own address, such as 169.254.20.10
    Corefile:2:29: bind: unknown interface or invalid address "nowhere", expected an IP address or one of ${Object.keys(networkInterfaces()).join(', ')}`,
  },
  {
    name: 'mistakes of the grammar, of keys and of directives together',
    corefile: 'a:x {\nforward y\n}\nb {\ncache {\nx {\n}\n}\nnosuch\n}\nquic://c {\n}',
    says: text`
      Corefile:1:1: invalid port "x" in "a:x", expected a number from 0 to 65535
      Corefile:2:9: forward: surplus argument "y" of "forward", expected none
      Corefile:6:3: a second "{" inside the block of "cache", expected properties: blocks go one level deep
      Corefile:9:1: unknown directive "nosuch", expected bind, cache or forward
      Corefile:11:1: transport "quic" of CoreDNS is not part of Sextant yet, expected dns, tls or https`,
  },
  {
    name: 'the directive before an import that found nothing',
    corefile: 'a {\nforwrad\nimport nosuch\n}',
    says: text`
      Corefile:2:1: unknown directive "forwrad" (did you mean "forward"?), expected bind, cache or forward
      Corefile:3:8: import "nosuch" found neither a snippet nor a file, expected`,
  },
  {
    name: 'a missing brace, without what follows from it',
    corefile: 'a.org {\nforward\nb.org {\nnosuch\n}\nc.org {\n}\n',
    says: text`
      Corefile:3:1: server block "b.org" inside that of "a.org", expected "}" before it
      Corefile:6:1: server block "c.org" inside that of "a.org", expected "}" before it`,
  },
  {
    name: 'a server block inside another, without what follows from it',
    corefile: 'a.org {\nb.org {\nnosuch\n}\nforwrad\n}',
    says: text`
      Corefile:2:1: server block "b.org" inside that of "a.org", expected "}" before it
      Corefile:5:1: unknown directive "forwrad" (did you mean "forward"?), expected`,
  },
  {
    name: 'a missing import, without the zones that its bind would have kept apart',
    corefile: 'a {\nimport x\n}\na {\nbind 127.0.0.1\n}',
    says: 'Corefile:2:8: import "x" found neither a snippet nor a file, expected',
  },
  {
    name: 'a second use, and what is wrong with each',
    corefile: 'a {\nonce x\nonce y\n}',
    says: text`
      Corefile:2:6: once: surplus argument "x" of "once", expected none
      Corefile:3:1: once: used again, can only be used once per server block, expected only that of Corefile:2
      Corefile:3:6: once: surplus argument "y" of "once", expected none`,
  },
  {
    name: 'a transport of a CIDR once',
    corefile: 'quic://10.0.0.0/14 {\n}',
    says: 'Corefile:1:1: transport "quic" of CoreDNS is not part of Sextant yet, expected dns, tls or https',
  },
  {
    name: 'a bad address, without what follows from it',
    corefile: 'a {\nbind 127.0.0.1\n}\na {\nbind nosuch\n}',
    says: 'Corefile:5:6: bind: unknown interface or invalid address "nosuch", expected',
  },
]

const once: Plugin = {
  name: 'once',
  setup(directive) {
    directive.once().noArguments()
    return {}
  },
}
/** The last one is for those that use it: it is not in the lists of the others. */
const reporting = (corefile: string) => [
  bind,
  fake('cache'),
  fake('forward'),
  ...(corefile.includes('once') ? [once] : []),
]

for (const { name, corefile, says } of ERRORS) {
  test(`reports ${name}`, () => {
    try {
      build(configurationOf(corefile), { plugins: reporting(corefile), port: 53, reload: async () => false })
    } catch (error) {
      if (!(error instanceof CorefileErrors)) throw error
      const lines = error.message.split('\n').filter(line => line.startsWith('Corefile:'))
      assert.is(lines.length, says.split('\n').length)
      assert.ok(lines.join('\n').startsWith(says), error.message)
      return
    }
    assert.unreachable('it was built')
  })
}

test('a stage is set up once per block, and stands in the order of the plugins', () => {
  const made: string[] = []
  const record = (name: string) =>
    fake(name, site => {
      made.push(`${name} ${site.keys.join(',')}`)
      return {}
    })
  const generation = buildText('a b {\nforward\ncache\n}\nc {\ncache\n}', [record('cache'), record('forward')])
  assert.equal(made, ['cache a,b', 'cache c', 'forward a,b'])
  assert.equal(generation.blocks[0]!.plugins, ['cache', 'forward'])
  assert.equal(
    generation.stages().map(({ plugin }) => plugin),
    ['cache', 'cache', 'forward'],
  )
})

test('a site knows its zones, servers, folder and peers', () => {
  const linked: string[] = []
  const stage = (site: Site): Stage => ({
    link: () => linked.push(`${site.peers('cache').length} ${site.peers('cache', true).length} ${site.plugins.join()}`),
  })
  const generation = buildText('Example.org:54 a {\nbind 127.0.0.1 ::1\ncache\nforward\n}\nb {\ncache\n}', [
    bind,
    fake('cache', stage),
    fake('forward'),
  ])
  const [site] = generation.blocks
  assert.equal(site!.zoneTexts, ['example.org.', 'a.'])
  assert.equal(site!.servers, ['dns://127.0.0.1:54', 'dns://[::1]:54', 'dns://127.0.0.1:53', 'dns://[::1]:53'])
  assert.is(site!.folder, '/etc/coredns')
  assert.is(site!.port, 54)
  assert.equal(linked, ['1 2 bind,cache,forward', '1 2 cache'])
  assert.equal(site!.after(site!.stages[1]!.stage), [site!.stages[2]!.stage])
})

test('recursion is available on all of a listener where one block resolves the root', () => {
  const plugins = [bind, fake('cache'), fake('forward', () => ({ recursive: true }))]
  const generation = buildText('a {\ncache\n}\n. {\nforward\n}\nb:54 {\ncache\n}', plugins)
  assert.equal(
    [...generation.plans.values()].map(({ routes }) => routes.recursionAvailable),
    [true, false],
  )
})

test('what goes wrong in link is reported with the rest', () => {
  const failing: Plugin = {
    name: 'cache',
    setup: directive => ({
      link() {
        throw directive.error('no forward after cache, expected one')
      },
    }),
  }
  assert.throws(() => buildText('. {\ncache\n}', [failing]), /Corefile:2:1: cache: no forward after cache/)
})

test('the counterpart of a stage is that of the block with the same keys', () => {
  const before = buildText('a {\ncache\n}\nb c {\ncache\n}')
  const after = buildText('b c {\ncache\n}\nd {\ncache\n}')
  const [kept, fresh] = after.stages()
  assert.is(before.counterpart(kept!), before.stages()[1]!.stage)
  assert.is(before.counterpart(fresh!), undefined)
})

test.run()
