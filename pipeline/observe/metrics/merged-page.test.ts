import { expect, test } from 'vitest'
import { mergedPage } from './merged-page.js'

test('each metric has its head once; what both tell is added, the rest stands as it was written', () => {
  const one = `# HELP a_total One. And "more".
# TYPE a_total counter
a_total{way="x y"} 1
a_total{way="z"} 2

# HELP b Nothing here.
# TYPE b gauge

# HELP c Only here.
# TYPE c gauge
c +Inf
`
  const other = `# HELP a_total One. And "more".
# TYPE a_total counter
a_total{way="x y"} 0.5
a_total{way="w"} Nan

# HELP b Nothing here.
# TYPE b gauge
b 1e-7
`
  expect(mergedPage(one, other)).toBe(`# HELP a_total One. And "more".
# TYPE a_total counter
a_total{way="x y"} 1.5
a_total{way="z"} 2
a_total{way="w"} Nan

# HELP b Nothing here.
# TYPE b gauge
b 1e-7

# HELP c Only here.
# TYPE c gauge
c +Inf
`)
})
