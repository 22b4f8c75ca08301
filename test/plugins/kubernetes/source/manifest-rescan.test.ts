/** When a folder of manifests is looked at again: after what happens during a look, and after what could not be read. */
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ListToken } from '../../../../plugins/kubernetes/index/store.ts'
import { type Clock, monotonicClock } from '../../../../plugins/kubernetes/informer/clock.ts'
import { type AnyKind, KINDS } from '../../../../plugins/kubernetes/object/object.ts'
import { ManifestsSource } from '../../../../plugins/kubernetes/source/manifests.ts'
import { RecordStore } from './record-store.ts'

const test = suite('ManifestsSource, rescans')

const SETTLE_MS = 30
const RESCAN_MS = 30_000

/** Takes as long as it is told to end a list of services. */
class SlowStore extends RecordStore {
  gate: Promise<void> | undefined
  override async endList(kind: AnyKind, token: ListToken): Promise<number> {
    if (kind === 'service') await this.gate
    return super.endList(kind, token)
  }
}

/** What was seen settles for `settleMs`, and what no event tells is seen after `rescanMs`. */
function clockOf(settleMs: number, rescanMs: number): Clock & { settling: number } {
  const clock = {
    settling: 0,
    nowMs: monotonicClock.nowMs,
    after(delayMs: number, then: () => void) {
      if (delayMs === SETTLE_MS) clock.settling++
      const ms = delayMs === SETTLE_MS ? settleMs : delayMs === RESCAN_MS ? rescanMs : delayMs
      return monotonicClock.after(ms, then)
    },
  }
  return clock
}

async function within(ms: number, met: () => boolean): Promise<boolean> {
  for (const endMs = performance.now() + ms; performance.now() < endMs; await sleep(5)) if (met()) return true
  return met()
}

const service = (name: string) =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: shop }\nspec: { clusterIP: 10.96.0.7 }\n`

async function run(clock: Clock, scenario: (folder: string, store: SlowStore, logged: string[]) => Promise<void>) {
  const folder = mkdtempSync(join(tmpdir(), 'sextant-manifests-'))
  const store = new SlowStore()
  const logged: string[] = []
  const note = (_plugin: string | undefined, text: string) => logged.push(text)
  const settings = { kinds: KINDS, labels: undefined, namespaceLabels: undefined, folder }
  const source = new ManifestsSource(settings, clock, { info: note, warn: note, error: note })
  try {
    writeFileSync(join(folder, 'a.yaml'), service('a'))
    await source.start(store)
    await scenario(folder, store, logged)
  } finally {
    await source.stop()
    rmSync(folder, { recursive: true })
  }
}

test('what changes while the folder is looked at is seen right after', () => {
  const clock = clockOf(300, RESCAN_MS)
  return run(clock, async (folder, store) => {
    await sleep(700) // the watcher is ready, and the look after that is over
    let open = () => {}
    store.gate = new Promise(resolve => {
      open = resolve
    })
    const begun = store.log.length
    writeFileSync(join(folder, 'b.yaml'), service('b'))
    assert.ok(await within(3_000, () => store.log.slice(begun).includes('begin service')), 'no look after a change')
    const before = clock.settling
    writeFileSync(join(folder, 'c.yaml'), service('c'))
    assert.ok(await within(1_000, () => clock.settling > before), 'no event')
    open() // before what was seen has settled
    assert.ok(await within(3_000, () => store.names('service').includes('shop/c')), `${store.names('service')}`)
  })
})

test('a file that could not be read is read again, and told once', () =>
  run(clockOf(SETTLE_MS, 50), async (folder, store, logged) => {
    symlinkSync('/proc/self/mem', join(folder, 'b.yaml')) // a file, of which no read succeeds
    assert.ok(await within(3_000, () => logged.length > 0), 'nothing was told')
    const begun = store.log.length
    const looks = () => store.log.slice(begun).filter(line => line === 'begin service').length
    assert.ok(await within(3_000, () => looks() >= 2), `${looks()} times read again`)
    assert.equal(logged.length, 1)
    assert.equal(store.names('service'), ['shop/a'])
  }))

test.run()
