/** What options of a query cost: each against the same query with an OPT and nothing in it. */
import type { Stage } from '../../server/plugin.ts'
import { optionOf, withOptions } from '../../test/harness/edns.ts'
import { query } from '../../test/harness/message.ts'
import { wire } from '../../test/harness/stage.ts'
import type { Case } from './harness.ts'
import { put, serving } from './in-process.ts'

const COOKIE = 10
const empty: Stage = { handle: q => q.answer.reset() }

export function ednsCases(): Case[] {
  const { routes } = wire([empty])
  const question = query('web.shop.svc.cluster.local')
  const asking = (cookie: Uint8Array) => withOptions(question, [[COOKIE, cookie]])
  const client = Buffer.alloc(8, 7)
  const { reply } = put(routes, asking(client), 0)
  const good = Buffer.from(optionOf(reply, COOKIE)!)
  const wrong = Buffer.from(good)
  wrong[23]! ^= 1
  const base = serving('an OPT without options', routes, [withOptions(question, [])])
  return [
    serving('an OPT without options', routes, [withOptions(question, [])], {
      base: serving('no OPT', routes, [question]),
    }),
    serving('a client cookie', routes, [asking(client)], { base }),
    serving('a server cookie that is good', routes, [asking(good)], { base }),
    serving('a server cookie that is not', routes, [asking(wrong)], { base }),
  ]
}
