/** The events of a watch, as a connection brings them, up to the index: each is applied, or the connection given up. */
import { Index } from '../../../plugins/kubernetes/index/index.ts'
import { ApiError } from '../../../plugins/kubernetes/informer/api-error.ts'
import { monotonicClock } from '../../../plugins/kubernetes/informer/clock.ts'
import { MalformedStream } from '../../../plugins/kubernetes/informer/json-splitter.ts'
import { RecentVersions } from '../../../plugins/kubernetes/informer/recent-versions.ts'
import { VersionWentBack, watch } from '../../../plugins/kubernetes/informer/watch.ts'
import { workSlices } from '../../../plugins/kubernetes/informer/work-slices.ts'
import { trim } from '../../../plugins/kubernetes/object/trim.ts'
import { type Outcome, type Target, textSeed, textWords } from '../target.ts'

const index = new Index()
/** The versions of the objects grow; the first event decides if a list comes in front of them. */
const event = (type: string, name: string, version: number, spec = '{"clusterIP":"10.0.0.1"}') =>
  `{"type":"${type}","object":{"kind":"Service","metadata":{"name":"${name}","namespace":"a","resourceVersion":"${version}"},"spec":${spec}}}\n`
const END =
  '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9","annotations":{"k8s.io/initial-events-end":"true"}}}}\n'

export const target: Target = {
  name: 'watch',
  isText: true,
  bound: { base: 1500, perOctet: 20 },
  maxBytes: 4000,
  words: textWords(
    ...[
      '"type":"ADDED"',
      '"MODIFIED"',
      '"DELETED"',
      '"BOOKMARK"',
      '"ERROR"',
      '"resourceVersion":"',
      '"0"',
      '"99999999999999999999"',
    ],
    ...[
      '"clusterIPs":["10.0.0.2"]',
      '"None"',
      '"name":""',
      '"namespace":null',
      '{}',
      '[]',
      'null',
      '\n',
      '"',
      '}',
      '"__proto__":{}',
    ],
  ),
  seeds: [
    textSeed('list', event('ADDED', 'a', 1) + event('ADDED', 'b', 2) + END + event('MODIFIED', 'a', 10)),
    textSeed(
      'events',
      ` ${event('ADDED', 'a', 11)}${event('MODIFIED', 'a', 12, '{"clusterIP":"None"}')}${event('DELETED', 'a', 13)}`,
    ),
    textSeed(
      'bookmark',
      ` ${event('ADDED', 'c', 14)}{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"20"}}}\n`,
    ),
    textSeed(
      'gone',
      ` {"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}\n`,
    ),
    textSeed('back', ` ${event('ADDED', 'd', 15)}{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"3"}}}\n`),
    textSeed('external', ` ${event('ADDED', 'e', 16, '{"type":"ExternalName","externalName":"www.example"}')}`),
  ],
  async run(octets): Promise<Outcome> {
    const versions = new RecentVersions()
    if (octets[0] === 0x20) versions.listed('9')
    let applied = 0
    try {
      await watch({
        client: {
          server: 'https://10.96.0.1:443',
          get: async () => ({ contentType: 'application/json', octets: inTwo(octets) }),
        },
        resource: { name: 'services', group: '', path: '/api/v1/services' },
        target: {
          put(object) {
            const slim = trim('service', object as never)
            if (typeof slim !== 'string') index.put('service', slim)
            applied++
            return true
          },
          delete({ metadata }) {
            index.delete('service', metadata?.namespace ?? '', metadata?.name ?? '')
            applied++
          },
          beginList() {},
          endList: async () => 0,
        },
        slices: workSlices,
        signal: new AbortController().signal,
        clock: monotonicClock,
        versions,
        timeoutS: 300,
        onOpened() {},
        onListed() {},
        onProgress() {},
      })
      return { kind: `ended ${Math.min(3, applied)}` }
    } catch (error) {
      if (!(error instanceof MalformedStream || error instanceof ApiError || error instanceof VersionWentBack))
        throw error
      return { kind: `${error.name} ${error.message.replaceAll(/\d+|".*?"/gs, '').slice(0, 60)}` }
    } finally {
      empty()
    }
  },
}

/** The body comes in two pieces. */
async function* inTwo(octets: Uint8Array): AsyncGenerator<Uint8Array> {
  yield octets.subarray(0, octets.length >> 1)
  yield octets.subarray(octets.length >> 1)
}

/** What an input put is gone before the next one, so that each costs what it costs alone. */
function empty(): void {
  for (const name of ['a', 'b', 'c', 'd', 'e']) index.delete('service', 'a', name)
}
