import { expect, test, vi } from 'vitest'
import { emptyOf } from '../testing/grafana/load/answers.js'
import { embeddedAnswers } from '../testing/grafana/load/embedded.js'
import { prometheusHere } from '../testing/grafana/prometheus-under-test.js'

vi.setConfig({ testTimeout: 300_000 })

const { programs, missing } = prometheusHere()

test.skipIf(missing)(
  `every panel has data, and not only zeros, of a Carillon in one process${missing ? `: skipped, ${missing}` : ''}`,
  async () => {
    if (!programs) throw new Error(missing)
    const answers = await embeddedAnswers(programs)
    expect(answers.length).toBeGreaterThan(80)
    expect(
      emptyOf(answers).map(({ dashboard, panel, query, problem }) => [dashboard, panel, query.legend, problem]),
    ).toEqual([])
  },
)
