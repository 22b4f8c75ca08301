/** client-go's metrics of requests to the API server, under the names that CoreDNS gives them. */
import { counter, histogram } from '../../../server/metrics.ts'

/** Prometheus' default buckets, in seconds. */
const DEFAULT_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const PREFIX = 'coredns_kubernetes_rest_client_'

export const requestsTotal = counter(
  `${PREFIX}requests_total`,
  'Requests to the API server, by status code, method and host.',
  'code',
  'method',
  'host',
)

export const requestSeconds = histogram(
  `${PREFIX}request_duration_seconds`,
  'Time from a request to the API server to the head of its answer.',
  DEFAULT_BOUNDS,
  'verb',
  'host',
)

export const waitSeconds = histogram(
  `${PREFIX}rate_limiter_duration_seconds`,
  'Time that requests to the API server waited for the rate limit.',
  DEFAULT_BOUNDS,
  'verb',
  'host',
)
