/** What an answer from a snapshot looks like: short-lived, and marked as stale. Data plane: makes nothing. */
import { cells, counter } from '../../../server/metrics.ts'
import type { Answer, Section } from '../../../server/plugin.ts'
import { EDE } from '../../../server/wire/codes.ts'

/**
 * CoreDNS's TTL for cluster names. RFC 8767 §4 has 30 s, to spare upstreams; this costs no upstream anything, and clients
 * should see what is true as soon as it is known.
 */
export const STALE_TTL = 5

const answers = counter('sextant_kubernetes_stale_answers_total', 'Answers that came from a snapshot.')()

/** Caps all TTLs and adds Extended DNS Error 3 (RFC 8914 §4.4) with a text. */
export function markStale(a: Answer, text: string): Answer {
  cap(a.answer)
  cap(a.authority)
  cap(a.additional)
  a.extendedError = EDE.STALE_ANSWER
  a.extendedErrorText = text
  cells[answers]! += 1
  return a
}

function cap(section: Section): void {
  for (let i = 0; i < section.count; i++) if (section.ttl[i]! > STALE_TTL) section.ttl[i] = STALE_TTL
}
