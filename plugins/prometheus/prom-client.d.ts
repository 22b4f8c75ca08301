/** The parts of prom-client by themselves; those that register the metrics of one subject have no types of their own. */
declare module 'prom-client/lib/registry.js' {
  const made: typeof import('prom-client').Registry
  // biome-ignore lint/style/noDefaultExport: CommonJS modules have one
  export default made
}
declare module 'prom-client/lib/defaultMetrics.js' {
  const collect: typeof import('prom-client').collectDefaultMetrics
  // biome-ignore lint/style/noDefaultExport: CommonJS modules have one
  export default collect
}
declare module 'prom-client/lib/metrics/*.js' {
  const register: (registry: import('prom-client').Registry) => void
  // biome-ignore lint/style/noDefaultExport: CommonJS modules have one
  export default register
}
