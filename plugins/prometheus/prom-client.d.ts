/** The parts of prom-client that have no types of their own: each registers the metrics of one subject. */
declare module 'prom-client/lib/metrics/*.js' {
  const register: (registry: import('prom-client').Registry) => void
  // biome-ignore lint/style/noDefaultExport: CommonJS modules have one
  export default register
}
