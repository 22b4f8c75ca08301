/** Which root word of the slab belongs to whom. */
export const ROOT = {
  namespaces: 1,
  services: 2,
  slices: 3,
  pods: 4,
  serviceAddresses: 5,
  endpointAddresses: 6,
  endpointLabels: 7,
  podAddresses: 8,
} as const
