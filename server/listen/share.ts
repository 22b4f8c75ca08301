/**
 * `SEXTANT_SHARE_ADDRESSES=1`: every socket that is bound, of DNS and of HTTP endpoints, has SO_REUSEPORT for good, so that
 * another process of the same user can bind the same addresses, and take over from this one or hand over to it without a
 * pause (hand-over.ts). Without it a port is this process's alone. A leaf.
 */

export function sharesAddresses(): boolean {
  return process.env.SEXTANT_SHARE_ADDRESSES === '1'
}

/** @throws Error for a value that means nothing, and where the system cannot share */
export function checkShareAddresses(): void {
  const { SEXTANT_SHARE_ADDRESSES = '' } = process.env
  if (!['', '0', '1'].includes(SEXTANT_SHARE_ADDRESSES))
    throw new Error(`SEXTANT_SHARE_ADDRESSES is "${SEXTANT_SHARE_ADDRESSES}", expected 1 or 0`)
  if (sharesAddresses() && process.platform !== 'linux')
    throw new Error('SEXTANT_SHARE_ADDRESSES: this system shares no addresses, expected Linux')
}
