/** Files that are damaged, foreign or forged: nothing of them is used, and the reason is one line. */

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Index } from '../../../../plugins/kubernetes/index/index.ts'
import { type Picture, Unusable } from '../../../../plugins/kubernetes/snapshot/header.ts'
import { MAX_AGE_MS } from '../../../../plugins/kubernetes/snapshot/read.ts'
import { countsOf, indexOf, newFile, octetsOf, PICTURE, read, SMALL, TAKEN_AT_MS, write } from './pictures.ts'

const NOTHING = { namespace: 0, service: 0, endpointslice: 0, pod: 0 }

/** Why a file was not used. Fails if anything was. */
async function refusal(file: string, over: Parameters<typeof read>[2] = {}): Promise<Unusable> {
  const index = new Index()
  const usedBytes = index.slab.usedBytes
  const error = await read(file, index, over).then(
    () => assert.unreachable('restored'),
    error => error,
  )
  assert.instance(error, Unusable)
  assert.equal(countsOf(index), NOTHING)
  assert.is(index.staleKinds, 0)
  index.slab.reclaim()
  assert.is(index.slab.usedBytes, usedBytes)
  assert.not.match(error.message, /\n/)
  return error
}

function fileOf(octets: Uint8Array): string {
  const file = newFile()
  writeFileSync(file, octets)
  return file
}

test('any octet that is another one', async () => {
  const whole = await octetsOf(indexOf(SMALL))
  const file = newFile()
  for (let at = 0; at < whole.length; at++) {
    for (const flip of [1, 0x80, 0xff]) {
      const octets = Buffer.from(whole)
      octets[at]! ^= flip
      writeFileSync(file, octets)
      const { message } = await refusal(file)
      assert.match(message, /^it is (?:damaged|no snapshot)|^found format/, `octet ${at}`)
    }
  }
})

test('any octet missing at the end, or one too many', async () => {
  const whole = await octetsOf(indexOf(SMALL))
  const file = newFile()
  for (let length = 0; length < whole.length; length++) {
    writeFileSync(file, whole.subarray(0, length))
    assert.is((await refusal(file)).isSnapshot, true, `${length} octets`)
  }
  writeFileSync(file, Buffer.concat([whole, Buffer.of(0)]))
  assert.match((await refusal(file)).message, /checksum/)
})

/** A snapshot whose checksum is right, whatever its other octets are. */
function forged(octets: Uint8Array): Buffer {
  return Buffer.concat([octets, createHash('sha256').update(octets).digest()])
}

test('forged ones: changed at will, with the right checksum', async () => {
  const whole = await octetsOf(indexOf(SMALL))
  const body = whole.subarray(0, -32)
  const headerBytes = body.indexOf('\n', body.indexOf('\n') + 1) + 1
  const change = fc.record({
    at: fc.integer({ min: headerBytes, max: body.length - 1 }),
    remove: fc.integer({ min: 0, max: 4 }),
    add: fc.uint8Array({ maxLength: 6 }),
  })
  const file = newFile()
  let refused = 0
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async all => {
      let octets = body
      for (const { at, remove, add } of all)
        octets = Buffer.concat([octets.subarray(0, at), add, octets.subarray(at + remove)])
      writeFileSync(file, forged(octets))
      const index = new Index()
      try {
        await read(file, index)
        // It says something else, and does so properly: never more than it said.
        for (const count of Object.values(countsOf(index))) assert.ok(count <= 1)
      } catch (error) {
        refused++
        assert.instance(error, Unusable)
        assert.equal(countsOf(index), NOTHING)
      }
    }),
    { numRuns: 1500 },
  )
  assert.ok(refused > 500, `${refused} refused`)
})

test('forged headers: any JSON', async () => {
  const file = newFile()
  const members = fc.record(
    {
      takenAt: fc.oneof(fc.constant('2026-11-27T14:00:00Z'), fc.string()),
      sections: fc.oneof(fc.array(fc.constantFrom('pod', 'service', '__proto__')), fc.anything()),
      server: fc.oneof(fc.constant(PICTURE.server), fc.anything()),
      ca: fc.oneof(fc.constant(PICTURE.ca), fc.anything()),
      labels: fc.anything(),
      __proto__: fc.anything(),
    },
    { requiredKeys: [] },
  )
  await fc.assert(
    fc.asyncProperty(fc.oneof(members, fc.anything()), fc.uint8Array({ maxLength: 40 }), async (about, rest) => {
      const text = JSON.stringify(about, (_, value) => (typeof value === 'bigint' ? String(value) : value))
      writeFileSync(file, forged(Buffer.concat([Buffer.from(`sextant snapshot 1\n${text}\n`), rest])))
      const index = new Index()
      await read(file, index).catch(error => assert.instance(error, Unusable))
      assert.equal(countsOf(index), NOTHING)
    }),
    { numRuns: 500 },
  )
})

const foreign: { name: string; picture: Partial<Picture>; says: RegExp }[] = [
  {
    name: 'another API server',
    picture: { server: 'https://other/' },
    says: /^found a picture of the API server "https:\/\/10\.96\.0\.1\/", expected "https:\/\/other\/"$/,
  },
  {
    name: 'a cluster of the same address',
    picture: { ca: 'ab' },
    says: /^found a picture of a cluster with another CA/,
  },
  {
    name: 'labels',
    picture: { labels: 'a in (b)' },
    says: /^found a picture with labels none, expected "a in \(b\)"$/,
  },
  { name: 'namespaces', picture: { namespaceLabels: 'x' }, says: /namespace_labels none, expected "x"$/ },
  { name: 'names by pod', picture: { endpointPodNames: true }, says: /^found a picture without endpoint_pod_names/ },
]
for (const { name, picture, says } of foreign) {
  test(`of something else: ${name}`, async () => {
    const { message, isSnapshot } = await refusal(await write(indexOf(SMALL)), { picture: { ...PICTURE, ...picture } })
    assert.match(message, says)
    assert.is(isSnapshot, true)
  })
}

test('older than three days', async () => {
  const file = await write(indexOf(SMALL))
  const { message } = await refusal(file, { nowMs: TAKEN_AT_MS + MAX_AGE_MS + 1 })
  assert.is(message, 'it was taken at 2026-11-27T14:00:00.000Z, expected one of the last three days')
  const index = new Index()
  await read(file, index, { nowMs: TAKEN_AT_MS + MAX_AGE_MS })
  assert.is(countsOf(index).service, 1)
})

test('taken in the future: a clock that starts at zero says nothing about its age', async () => {
  const index = new Index()
  await read(await write(indexOf(SMALL)), index, { nowMs: 0 })
  assert.is(countsOf(index).service, 1)
})

const others: { name: string; make: (file: string) => void; says: RegExp; isSnapshot: boolean }[] = [
  {
    name: 'another format',
    make: file => writeFileSync(file, forged(Buffer.from('sextant snapshot 2\n{}\n'))),
    says: /^found format 2, expected 1$/,
    isSnapshot: true,
  },
  {
    name: 'a file of somebody else',
    make: file => writeFileSync(file, '.:53 {\n}\n'),
    says: /^it is no snapshot and stays as it is, expected/,
    isSnapshot: false,
  },
  { name: 'an empty file', make: file => writeFileSync(file, ''), says: /^it is empty$/, isSnapshot: true },
  {
    name: 'zeros, after a crash of the system',
    make: file => writeFileSync(file, Buffer.alloc(5000)),
    says: /^it is empty$/,
    isSnapshot: true,
  },
  { name: 'a folder', make: file => mkdirSync(file), says: /^it is no regular file/, isSnapshot: false },
  {
    name: 'a pipe, which nobody writes into',
    make: file => execFileSync('mkfifo', [file]),
    says: /^it is no regular file/,
    isSnapshot: false,
  },
  {
    name: 'a link that leads nowhere else but to itself',
    make: file => symlinkSync(file, file),
    says: /^it cannot be read: ELOOP/,
    isSnapshot: false,
  },
  {
    name: 'one that is too large',
    make: file => {
      writeFileSync(file, 'sextant snapshot 1\n{}\n')
      truncateSync(file, 2 ** 28 + 1)
    },
    says: /^it has 268435457 octets, expected at most 268435456$/,
    isSnapshot: true,
  },
]
for (const { name, make, says, isSnapshot } of others) {
  test(`${name} is not read`, async () => {
    const file = newFile()
    make(file)
    const error = await refusal(file)
    assert.match(error.message, says)
    assert.is(error.isSnapshot, isSnapshot)
  })
}

test('a length that the file cannot hold takes no memory', async () => {
  const whole = await octetsOf(indexOf(SMALL))
  const headerBytes = whole.indexOf('\n', whole.indexOf('\n') + 1) + 1
  const section = Buffer.concat([Buffer.of(9), Buffer.from('namespace'), Buffer.of(0xff, 0xff, 0xff, 0xff, 0x0f)])
  const file = fileOf(forged(Buffer.concat([whole.subarray(0, headerBytes), section])))
  const beforeBytes = process.memoryUsage().arrayBuffers
  assert.match((await refusal(file)).message, /end of the file/)
  const indexBytes = 2 ** 28 // address space that it reserves
  assert.ok(process.memoryUsage().arrayBuffers - beforeBytes < indexBytes + 2 ** 22)
})

test('no file at all is no trouble', async () => {
  assert.is(await read(newFile()), undefined)
})

test('a reader that is told to stop leaves nothing behind', async () => {
  await refusal(await write(indexOf(SMALL)), { signal: AbortSignal.abort(new Error('not read within 5 s')) })
})

test.run()
