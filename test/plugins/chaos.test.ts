import { hostname } from 'node:os'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin } from '../../plugins/chaos/chaos.ts'
import { plugin as whoami } from '../../plugins/whoami/whoami.ts'
import type { Stage } from '../../server/plugin.ts'
import { VERSION } from '../../server/version.ts'
import { corefileFailure } from '../harness/corefile-failure.ts'
import { query, readReply, text } from '../harness/message.ts'
import { chainOf } from '../harness/stage.ts'

const CH = { type: 'TXT', class: 'CH' }
const chain = (body: string, extra: Stage[] = []) => chainOf([plugin, whoami], `${body}\nwhoami`, extra)

for (const { body, name, says } of [
  { body: 'chaos', name: 'version.bind', says: `Sextant-${VERSION}` },
  { body: 'chaos v1', name: 'version.bind', says: 'v1' },
  { body: 'chaos v1', name: 'VERSION.Server', says: 'v1' },
  { body: 'chaos v1', name: 'hostname.bind', says: hostname() },
  { body: 'chaos v1', name: 'id.server', says: hostname() },
  { body: 'chaos v1', name: 'authors.bind', says: 'the Sextant authors' },
  { body: 'chaos "a server" "some one"', name: 'authors.bind', says: 'some one' },
  { body: `chaos ${'x'.repeat(300)}`, name: 'version.bind', says: 'x'.repeat(255) },
]) {
  test(`${body.slice(0, 30)}: ${name}`, async () => {
    const expected = text`
      NOERROR rd
      ;; ANSWER
      ${name}. 0 CH TXT ${JSON.stringify(says)}
    `
    for (const stream of [false, true]) assert.is(await chain(body).ask(name, CH, stream), expected)
  })
}

test('authors, each with a record, none always first', async () => {
  const { send } = chain('chaos v1 a b c')
  const firsts = new Set<string>()
  for (let i = 0; i < 60; i++) {
    const { answers = [] } = readReply(await send(query('authors.bind', CH)))
    const texts = answers.map(answer => String((answer as unknown as { data: Buffer[] }).data[0]))
    assert.equal(texts.toSorted(), ['a', 'b', 'c'])
    firsts.add(texts[0]!)
  }
  assert.is(firsts.size, 3)
})

for (const { name, type = 'TXT', of = 'CH', why } of [
  { name: 'version.bind', type: 'A', why: 'another type' },
  { name: 'version.bind', type: 'ANY', why: 'ANY' },
  { name: 'example.org', why: 'another name' },
  { name: 'bind', why: 'the zone' },
  { name: 'version.bind', of: 'HS', why: 'class HS' },
  { name: 'version.bind', of: 'ANY', why: 'class ANY' },
]) {
  test(`refused, and nobody else asked: ${why}`, async () => {
    assert.is(await chain('chaos').ask(name, { type, class: of }), 'REFUSED rd')
  })
}

test('E10 refused without the directive, whatever is in the chain', async () => {
  const asked: string[] = []
  const forward: Stage = {
    recursive: true,
    handle(q) {
      asked.push(q.qnameText)
      return q.answer.reset()
    },
  }
  const { ask } = chainOf([], '', [forward])
  assert.is(await ask('version.bind', CH), 'REFUSED rd ra')
  assert.is(await ask('example.org', CH), 'REFUSED rd ra')
  assert.equal(asked, [])
  assert.is(await ask('version.bind', { type: 'TXT' }), 'NOERROR rd ra', 'class IN is a name as any other')
})

test('observers are told who answered', async () => {
  const seen: string[] = []
  const observer: Stage = { observe: (q, a) => void seen.push(`${q.qnameText} ${q.stage} ${a.rcode}`) }
  const { ask } = chain('chaos', [observer])
  await ask('version.bind', CH)
  await ask('nope.bind', CH)
  assert.equal(seen, ['version.bind. 0 0', 'nope.bind. -1 5'])
})

for (const { body, at } of [
  { body: 'chaos {\nv1\n}', at: '3:1' },
  { body: 'chaos\nchaos', at: '3:1' },
]) {
  test(`bad: ${body.replaceAll('\n', ' ')}`, () => {
    const error = corefileFailure(() => chain(body))
    assert.is(`${error.line}:${error.column}`, at)
  })
}

test.run()
