/** The command line: words between line ends. */
import { ArgumentError, parseArguments } from '../../../server/control/arguments.ts'
import { hold, type Outcome, type Target, textSeed, textWords } from '../target.ts'

export const target: Target = {
  name: 'command-line',
  isText: true,
  // Every word that is no flag is compared with those there are.
  bound: { base: 500, perOctet: 100 },
  maxBytes: 400,
  words: textWords(
    '-',
    '--',
    '=',
    '\n',
    '-conf',
    '-p',
    '-dns.port',
    '-quiet',
    'check',
    'true',
    '65536',
    '-log-format',
    'json',
    '\0',
  ),
  seeds: [
    textSeed('usual', '-conf\n/etc/coredns/Corefile'),
    textSeed('all', '-conf=Corefile\n--dns.port\n1053\n-pidfile=/run/pid\n-quiet=false\n-log-format\njson'),
    textSeed('check', 'check\nCorefile\n-log-format=json'),
    textSeed('end-of-flags', '-quiet\n--\n-version'),
    textSeed('version', '-version'),
  ],
  run(octets): Outcome {
    try {
      const { command, port } = parseArguments(Buffer.from(octets).toString().split('\n'))
      hold(Number.isInteger(port) && port >= 0 && port <= 65_535, 'a port that there is not')
      return { kind: command }
    } catch (error) {
      if (!(error instanceof ArgumentError)) throw error
      return { kind: error.message.split(' ', 2).join(' ') }
    }
  },
}
