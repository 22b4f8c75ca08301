/** The first flight of a TLS handshake, for clients that go no further. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { connect } from 'node:tls'

/** What a client of Node's says first. */
export async function clientHello(): Promise<Buffer> {
  const listener = createServer()
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as { port: number }
  const client = connect({ port, host: '127.0.0.1', servername: 'localhost' })
  client.on('error', () => {})
  const [socket] = await once(listener, 'connection')
  const [hello] = await once(socket, 'data')
  client.destroy()
  socket.destroy()
  listener.close()
  return hello
}
