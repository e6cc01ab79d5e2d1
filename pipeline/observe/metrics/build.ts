/** What a process is. */
import { carillonVersion } from '../../config/version.js'
import type { Metrics } from './metrics.js'

/** To be told once in a process. `role`: what it runs. */
export function tellBuild(metrics: Metrics, engine: 'embedded' | 'kafka', role: string): void {
  metrics.build.set({ version: carillonVersion(), engine, role }, 1)
}
