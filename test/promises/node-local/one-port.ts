/**
 * Asks servers, one after the other, from one port. Arguments: IPv4 addresses. Prints for each a line with the address that
 * answered, `nobody` where none did in time.
 */
import { createSocket } from 'node:dgram'
import { query } from '../../harness/message.ts'
import { delay } from '../../harness/time.ts'

const TIMEOUT_MS = 1000

const socket = createSocket('udp4')
for (const server of process.argv.slice(2)) {
  const answered = new Promise<string>(done => socket.once('message', (_, { address }) => done(address)))
  socket.send(query('who.test'), 53, server)
  console.log(await Promise.race([answered, delay(TIMEOUT_MS, 'nobody')]))
}
socket.close()
