/** Runs the command line of this process. */
import { endProcess } from '../logs/kafka/library.js'
import { run } from './program.js'

/** What a failed drain left behind may hold the process no longer than this after its command ended. */
const lingerMs = 1000

// A reader that went away, like `head`, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})
process.exitCode = await run(process.argv.slice(2))
setTimeout(() => endProcess(Number(process.exitCode ?? 0)), lingerMs).unref()
