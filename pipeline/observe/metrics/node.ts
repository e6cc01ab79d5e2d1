/** Collects Node's own metrics with prom-client, at each scrape. */
import { collectDefaultMetrics, Registry } from 'prom-client'
import { nodeProcessMetrics } from './node-metrics.js'

/** `engine` is a thread beside `http` in one process; what is the process's own is told by the other. */
export type ThreadName = 'main' | 'http' | 'engine'

const ofProcess: ReadonlySet<string> = new Set(Object.values(nodeProcessMetrics).map(({ name }) => name))

/** A registry whose metrics have the label `thread`. The process's own have none and go into `registry`, but for a
 *  thread that tells nothing of its process. To be called once in a thread: it watches the event loop from now on. */
export function collectNodeMetrics(thread: ThreadName, registry: Registry): Registry {
  const ofThread = new Registry()
  ofThread.setDefaultLabels({ thread })
  collectDefaultMetrics({ register: ofThread })
  // Their order stays: the first of some measures for those after it.
  for (const name of ofProcess) {
    const metric = ofThread.getSingleMetric(name)
    ofThread.removeSingleMetric(name)
    if (metric && thread !== 'engine') registry.registerMetric(metric)
  }
  return ofThread
}
