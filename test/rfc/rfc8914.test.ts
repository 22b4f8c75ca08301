/** RFC 8914, Extended DNS Errors: each refusal and failure says why, to those who have room for it. */
import { equal, match } from 'node:assert/strict'
import { suite } from 'uvu'
import { answer, closedPort } from '../harness/fake-upstream.ts'
import { type Parts, Z } from './message.ts'
import { asked, probe, type Row } from './probe.ts'
import { REFUSED, withOpt } from './replies.ts'

const test = suite('RFC 8914')
const opt = {}

const rows: Row[] = [
  {
    id: 'F32',
    level: 'M',
    source: 'RFC 8914 §4.21',
    what: 'a name of no zone here is REFUSED: Not Authoritative',
    ask: { name: 'www.example', opt },
    is: withOpt(REFUSED, 'ede=20'),
  },
  {
    id: 'F32',
    level: 'M',
    source: 'RFC 6891 §7',
    what: 'without OPT there is no room to say why',
    ask: { name: 'www.example' },
    is: REFUSED,
  },
]
const made = probe(test, rows, {
  script: one =>
    one.name.startsWith('refused') ? answer(one, [], { rcode: 'REFUSED' }) : answer(one, [], { rcode: 'SERVFAIL' }),
  blocks: `dead.test {\nbind 127.0.0.1\nforward . 127.0.0.1:${await closedPort()}\n}\n`,
})

const failures: { name: string; ask: Parts; rcode: string; code: number; isAskedTwice?: boolean }[] = [
  { name: 'a class that is not served: Not Supported', ask: { class: 'HS' }, rcode: 'REFUSED', code: 21 },
  {
    name: 'a transfer that nobody may have: Not Supported',
    ask: { name: Z, type: 'AXFR' },
    rcode: 'REFUSED',
    code: 21,
  },
  { name: 'an upstream that fails: Other', ask: { name: 'a.up.test' }, rcode: 'SERVFAIL', code: 0 },
  {
    name: 'a failure that is kept: Cached Error',
    ask: { name: 'b.up.test' },
    rcode: 'SERVFAIL',
    code: 13,
    isAskedTwice: true,
  },
  { name: 'an upstream that refuses: Other', ask: { name: 'refused.up.test' }, rcode: 'REFUSED', code: 0 },
  { name: 'an upstream that is not there: Network Error', ask: { name: 'a.dead.test' }, rcode: 'SERVFAIL', code: 23 },
]
for (const { name, ask, rcode, code, isAskedTwice } of failures) {
  for (const over of ['udp', 'tcp'] as const) {
    test(`F32 M RFC 8914 §3: one code and no other on ${name}, over ${over.toUpperCase()}`, async () => {
      const own =
        typeof ask.name === 'string' && ask.name !== Z ? { ...ask, name: ask.name.replace('.', `-${over}.`) } : ask
      if (isAskedTwice) await asked(made.world, own, over)
      match(await asked(made.world, { ...own, opt }, over), new RegExp(`^${rcode} .*\\n;; OPT 1232 ede=${code}$`))
      equal((await asked(made.world, own, over)).split(' ')[0], rcode)
    })
  }
}

test('F32 M RFC 8914 §3: no code on an answer and on a denial', async () => {
  match(await asked(made.world, { opt }), /^NOERROR aa rd\n;; OPT 1232\n/)
  match(await asked(made.world, { name: `missing.default.svc.${Z}`, opt }), /^NXDOMAIN aa rd\n;; OPT 1232\n/)
})

test.run()
