/** The version of this server, from package.json. A leaf. */
import description from '../package.json' with { type: 'json' }

export const VERSION: string = description.version
