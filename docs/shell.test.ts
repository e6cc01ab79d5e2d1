import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { readme, reference } from '../testing/docs/pages-under-test.js'

const isHere = (shell: string) => spawnSync(shell, ['-c', ':']).status === 0
const shells = ['bash', 'dash'].filter(isHere)
const blocks = [readme, ...reference].flatMap(({ path, text }) =>
  [...text.matchAll(/^```(?:sh|bash)\n([\s\S]*?)^```$/gm)].map(([, script = ''], index) => ({
    name: `${path}, block ${index + 1}`,
    script,
  })),
)

test('there are commands, and shells to read them', () => {
  expect(blocks.length).toBeGreaterThan(30)
  expect(shells).toContain('bash')
})

test.each(shells)('%s can read every block of commands', (shell) => {
  const refused = blocks.flatMap(({ name, script }) => {
    const { status, stderr } = spawnSync(shell, ['-n'], { input: script, encoding: 'utf8' })
    return status === 0 ? [] : [{ name, stderr }]
  })
  expect(refused).toEqual([])
})

test('the commands run alike in bash and in a plain sh', () => {
  // `((…))`, `[[ ]]`, `<(…)`, `<<<` and arrays pass `dash -n` or fail late, in a shell that a newcomer has.
  const bashOnly = blocks.filter(({ script }) => /\$\(\([^)]*\+\+|\[\[|<\(|<<<|^\s*\w+=\(/m.test(script))
  expect(bashOnly.map(({ name }) => name)).toEqual([])
})
