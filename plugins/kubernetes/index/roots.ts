/** Which root word of the slab belongs to whom: places of tables, and what is known of the index as a whole. */
export const ROOT = {
  namespaces: 1,
  services: 2,
  slices: 3,
  pods: 4,
  serviceAddresses: 5,
  endpointAddresses: 6,
  endpointLabels: 7,
  podAddresses: 8,
  /** Index.serial, and the latest one under which somebody keeps what was said. */
  serial: 9,
  sealed: 10,
  /** Index.unsyncedKinds and Index.staleKinds. */
  unsynced: 11,
  stale: 12,
} as const
