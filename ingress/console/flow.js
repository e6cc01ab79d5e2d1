/** The six stages as they run now. */
import { get } from './api.js'
import { drawing, el, setText } from './elements.js'
import { poll } from './poll.js'
import { count, rate } from './wording.js'

const roles = new Map([
  ['dedupe', 'Drops repeats'],
  ['enrich-template', 'Renders each channel'],
  ['route', 'Picks the ways out'],
  ['throttle', 'Waits for time and limits'],
  ['deliver', 'Calls the providers'],
  ['record', 'Keeps what happened'],
])
const lanes = ['high', 'normal', 'low']

/** How many rates a curve shows: a minute of them. */
const curveLength = 60

/** The flow, asked for every second: `standing` says in a word how it is, `element` shows the stages. */
export function flow() {
  const cells = new Map([...roles].map(([stage, role]) => [stage, cell(stage, role)]))
  const state = el(
    'span',
    { class: 'state', role: 'status' },
    el('span', { class: 'dot' }),
    el('span', null, 'Asking…'),
  )
  const total = el('span', { class: 'quiet' })
  const problems = el('ul', { class: 'problems', hidden: true })
  const list = el('ol', { class: 'flow' }, ...[...cells.values()].map(({ element }) => element))
  const polling = poll(async (signal) => {
    const answer = await get('v1/flow', undefined, signal)
    const waiting = answer.stages.flatMap(({ lag }) => [...lanesOf(lag).values()])
    for (const stage of answer.stages) cells.get(stage.stage)?.show(stage, Math.max(1, ...waiting))
    showState(state, problems, answer)
    setText(total, `${count(waiting.reduce((sum, each) => sum + each, 0))} waiting`)
  }, 1000)
  const element = el(
    'section',
    { 'aria-labelledby': 'flow' },
    el('h2', { id: 'flow', class: 'hidden' }, 'Flow'),
    problems,
    list,
  )
  return { standing: [state, total], element, stop: polling.stop }
}

function showState(state, problems, answer) {
  const ready = answer.problems.length === 0
  const [dot, text] = state.children
  dot.dataset.tone = ready ? 'good' : 'warn'
  setText(text, ready ? 'Ready' : 'Not ready')
  const lines = answer.problems.slice(0, 5)
  problems.hidden = ready
  if (lines.join() !== [...problems.children].map(({ textContent }) => textContent).join()) {
    problems.replaceChildren(...lines.map((line) => el('li', null, line)))
  }
}

function cell(stage, role) {
  const perSecond = el('span', { class: 'number' }, '–')
  const note = el('p', { class: 'note quiet' })
  const waiting = el('dl', { class: 'lanes' })
  const line = curve()
  const element = el(
    'li',
    { 'data-stage': stage },
    el('h3', null, stage),
    el('p', { class: 'role quiet' }, role),
    el('p', { class: 'rate' }, perSecond, el('span', { class: 'quiet' }, ' /s')),
    line.element,
    el('p', { class: 'caption quiet' }, 'Waiting'),
    waiting,
    note,
  )
  const bars = new Map()
  return {
    element,
    show(now, most) {
      element.dataset.state = now.state
      element.classList.toggle('moving', now.perSecond > 0)
      setText(perSecond, rate(now.perSecond))
      line.add(now.perSecond)
      showLanes(waiting, bars, lanesOf(now.lag), most)
      setText(note, noteOf(now))
    },
  }
}

function noteOf(now) {
  const parts = []
  if (now.state !== 'running') parts.push(now.state)
  if (now.parked !== undefined) parts.push(`${count(now.parked)} parked`)
  parts.push(`${count(now.processed)} done`)
  if (now.restarts > 0) parts.push(`${count(now.restarts)} ${now.restarts === 1 ? 'restart' : 'restarts'}`)
  return parts.join(' · ')
}

/** Lag by lane. A way of its own for each channel counts for its lane; what has no lane is `all`. */
function lanesOf(lag) {
  const sums = new Map()
  for (const [way, waiting] of Object.entries(lag)) {
    const lane = lanes.find((name) => way === name || way.endsWith(`.${name}`)) ?? 'all'
    sums.set(lane, (sums.get(lane) ?? 0) + waiting)
  }
  return sums
}

function showLanes(list, bars, lag, most) {
  for (const lane of [...lanes, 'all']) {
    const waiting = lag.get(lane)
    if (waiting === undefined && !bars.has(lane)) continue
    if (!bars.has(lane)) bars.set(lane, addLane(list, lane))
    const { element, value, bar } = bars.get(lane)
    setText(value, count(waiting ?? 0))
    element.classList.toggle('none', !waiting)
    // A logarithm, so that ten waiting are seen beside a hundred thousand.
    bar.style.inlineSize = `${(100 * Math.log1p(waiting ?? 0)) / Math.log1p(most)}%`
  }
}

function addLane(list, lane) {
  const value = el('dd')
  const bar = el('span', { class: 'level', 'aria-hidden': 'true' })
  const element = el('div', null, el('dt', null, lane), value, bar)
  list.append(element)
  return { element, value, bar }
}

/** The rates of the last minute, newest at the right. */
function curve() {
  const area = drawing('path', { class: 'area' })
  const line = drawing('path', { class: 'line' })
  const viewBox = `0 0 ${curveLength - 1} 24`
  const element = drawing('svg', { viewBox, preserveAspectRatio: 'none', 'aria-hidden': 'true' }, area, line)
  const rates = []
  return {
    element,
    add(perSecond) {
      rates.push(perSecond)
      if (rates.length > curveLength) rates.shift()
      const top = Math.max(1, ...rates)
      const left = curveLength - rates.length
      const points = rates.map((value, index) => `${left + index} ${(23 - (21 * value) / top).toFixed(1)}`).join('L')
      line.setAttribute('d', `M${points}`)
      area.setAttribute('d', `M${left} 24L${points}L${curveLength - 1} 24Z`)
    },
  }
}
