/** How a run ends: in short on standard output, and whole, as JSON, in the file K6_SUMMARY. */

/** What the summary tells of a trend. */
export const summaryTrendStats = ['count', 'min', 'med', 'p(95)', 'p(99)', 'max']

/** What k6 measures of itself. */
const own = /^(?:data_|vus|iteration_|http_req_(?:blocked|connecting|tls_handshaking|sending|waiting|receiving))/

/** For `handleSummary`. */
export function summary(data) {
  const metrics = Object.entries(data.metrics).sort(([one], [other]) => (one < other ? -1 : 1))
  const crossed = metrics.flatMap(([name, { thresholds = {} }]) =>
    Object.entries(thresholds)
      .filter(([, { ok }]) => !ok)
      .map(([threshold]) => `CROSSED ${name}: ${threshold}`),
  )
  const values = metrics
    .filter(([name]) => !own.test(name))
    .map(([name, metric]) => `${name}: ${inShort(metric.values)}`)
  const lines = [...values, ...failedChecks(data.root_group), ...crossed]
  const files = __ENV.K6_SUMMARY ? { [__ENV.K6_SUMMARY]: `${JSON.stringify(data, null, 2)}\n` } : {}
  return { stdout: `${lines.join('\n')}\n`, ...files }
}

function failedChecks({ checks, groups }) {
  return [
    ...checks.filter(({ fails }) => fails > 0).map(({ name, fails }) => `FAILED ${fails} times: ${name}`),
    ...groups.flatMap(failedChecks),
  ]
}

function inShort(values) {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${Math.round(value * 1000) / 1000}`)
    .join(', ')
}
