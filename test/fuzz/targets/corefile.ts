/** A Corefile with its imports, and the setup of all that it names: mistakes have a place, and are the only thing thrown. */
import { plugins } from '../../../plugins/index.ts'
import { build } from '../../../server/control/build.ts'
import { readCorefile } from '../../../server/corefile/corefile.ts'
import { CorefileErrors } from '../../../server/corefile/error.ts'
import { hold, type Outcome, type Target, textSeed, textWords } from '../target.ts'

const files: Record<string, string> = {
  one: 'cache 30 {\n  prefetch 5\n}\n',
  self: 'import self\n',
  a: 'import b\n',
  b: 'import a\n',
}
const reader = {
  read(path: string): string {
    const text = Object.hasOwn(files, path) ? files[path] : undefined
    if (text === undefined) throw Object.assign(new Error('absent'), { code: 'ENOENT' })
    return text
  },
  list: () => Object.keys(files),
  environment: { UPSTREAM: '9.9.9.9', LOOP: '{$LOOP}' },
}
const origin = { file: 'Corefile', folder: '/nowhere', text: undefined, isDefault: false, isFallback: false }

export const target: Target = {
  name: 'corefile',
  isText: true,
  bound: { base: 20_000, perOctet: 150 },
  maxBytes: 2000,
  words: textWords(
    ...[
      '{',
      '}',
      '\n',
      ' ',
      '"',
      '\\',
      '#',
      '.',
      ':53',
      '(s)',
      'import ',
      'import a',
      'import *',
      '{$LOOP}',
      '{$',
      '{%A%}',
    ],
    ...plugins.map(({ name }) => `${name} `),
    ...[
      'cluster.local',
      'in-addr.arpa',
      '10.0.0.0/9',
      '2001:db8::/31',
      'tls://',
      'https://',
      '30s',
      '1h',
      '-1',
      '99999999999',
    ],
    ...[
      'pods verified',
      'fallthrough',
      'ttl 30',
      'prefetch',
      'serve_stale',
      'policy',
      'max_fails',
      'consolidate 1h (a+)+$',
    ],
  ),
  seeds: [
    textSeed(
      'usual',
      '.:53 {\n errors\n ready\n kubernetes cluster.local in-addr.arpa {\n  pods insecure\n  ttl 30\n }\n forward . 1.1.1.1\n cache 30\n loop\n reload\n loadbalance\n}\n',
    ),
    textSeed(
      'snippets',
      '(s) {\n log . "{remote}" {\n  class denial\n }\n}\na.org:5353, b.org {\n import s\n import one\n whoami\n}\n',
    ),
    textSeed(
      'lines',
      '.:1 {\n hosts /nowhere {\n  10.0.0.1 a b\n  fallthrough\n }\n autopath @kubernetes\n transfer { to * }\n bind 127.0.0.1\n debug\n multisocket 2\n metadata\n prometheus :0\n health :0 { lameduck 5s }\n}\n',
    ),
    textSeed(
      'upstreams',
      '. {\n forward . 1.1.1.1 tls://9.9.9.9 https://dns.example/q {\n  except a b\n  force_tcp\n  policy random\n  health_check 5s no_rec domain a.\n  tls_servername x\n  next NXDOMAIN\n }\n}\n',
    ),
    textSeed('cycle', 'import a\n. {\n import self\n}\n'),
    textSeed('unclosed', '. {\n forward . 1.1.1.1 {\n'),
  ],
  run(octets): Outcome {
    const text = Buffer.from(octets).toString()
    try {
      const parsed = readCorefile(text, 'Corefile', reader)
      build({ ...parsed, origin, text, texts: new Map() as never }, { plugins, port: 53, reload: async () => false })
      return { kind: `good ${Math.min(4, parsed.blocks.length)}` }
    } catch (error) {
      if (!(error instanceof CorefileErrors)) throw error
      hold(error.errors.length > 0, 'a failure without a mistake')
      for (const { line, column, message } of error.errors)
        hold(line >= 1 && column >= 1 && message !== '', 'a mistake without a place')
      return { kind: [...new Set(error.errors.map(({ code }) => code))].sort().slice(0, 3).join(' ') }
    }
  },
}
