import { expect, test } from 'vitest'
import { sharesOf } from './thread-profile.js'

const frame = (functionName: string, url = '') => ({ functionName, url, scriptId: '0', lineNumber: 0, columnNumber: 0 })

test('a sample counts for the innermost part of the pipeline that it was in; idle time counts for none', () => {
  const nodes = [
    { id: 1, callFrame: frame('(root)'), hitCount: 1, children: [2, 5, 6] },
    { id: 2, callFrame: frame('run', 'file:///x/dist/pipeline/engine/consumer-loop.js'), hitCount: 2, children: [3] },
    { id: 3, callFrame: frame('decide', 'file:///x/dist/stages/route/rules.js'), hitCount: 3, children: [4] },
    { id: 4, callFrame: frame('encode', 'file:///x/node_modules/avsc/lib/types.js'), hitCount: 2, children: [] },
    { id: 5, callFrame: frame('(idle)'), hitCount: 90, children: [] },
    { id: 6, callFrame: frame('(garbage collector)'), hitCount: 2, children: [] },
  ]
  expect(sharesOf({ nodes, startTime: 0, endTime: 1 })).toEqual({
    'stage route': 0.3,
    'pipeline/engine': 0.2,
    Avro: 0.2,
    'collecting garbage': 0.2,
    'Node and V8': 0.1,
  })
})
