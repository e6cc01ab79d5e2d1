/** `carillon lag`: how far each stage is behind. */
import type { Command } from 'commander'
import { z } from 'zod'
import { connect } from './client.js'
import { complain, printJson, printTable } from './terminal.js'

const flow = z.looseObject({
  stages: z.array(
    z.looseObject({
      stage: z.string(),
      state: z.string(),
      processed: z.number(),
      perSecond: z.number(),
      lag: z.record(z.string(), z.number()),
      parked: z.number().optional(),
      restarts: z.number(),
    }),
  ),
  /** Why it is not ready. */
  problems: z.array(z.string()),
})

export function addLag(program: Command): void {
  program
    .command('lag')
    .description('show how far each stage is behind: records waiting, by lane')
    .option('--json', 'print the answer as JSON')
    .action(async ({ json }: { readonly json?: boolean }) => {
      const answer = await connect()({ method: 'GET', path: '/v1/flow' }, flow)
      if (json) return printJson(answer)
      printTable([
        ['STAGE', 'STATE', 'WAITING', 'BY LANE', 'PER SECOND', 'PARKED', 'RESTARTS'],
        ...answer.stages.map(({ stage, state, lag, perSecond, parked, restarts }) => [
          ...[stage, state, String(Object.values(lag).reduce((sum, records) => sum + records, 0))],
          Object.entries(lag)
            .map(([lane, records]) => `${lane} ${records}`)
            .join(', '),
          ...[perSecond.toFixed(1), parked === undefined ? '' : String(parked), String(restarts)],
        ]),
      ])
      for (const problem of answer.problems) complain(problem)
    })
}
