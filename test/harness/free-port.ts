/** Ports for tests that must name one before it is opened. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** A port that was free for every address a moment ago. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0)
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
