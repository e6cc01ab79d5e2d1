/** Names the tests that were skipped at the end of a run, which vitest only counts: their titles say what was missing. */
import type { Reporter, TestModule } from 'vitest/node'

export function namesSkips(): Reporter {
  return {
    onTestRunEnd(modules) {
      const skipped = modules.flatMap(skippedIn)
      if (skipped.length > 0) process.stdout.write(`\n Skipped:\n${skipped.map((title) => `   ${title}\n`).join('')}`)
    },
  }
}

function skippedIn({ relativeModuleId, children }: TestModule): string[] {
  return [...children.allTests('skipped')].map(({ fullName }) => `${relativeModuleId}: ${fullName}`)
}
