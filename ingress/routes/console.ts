/** / and /console/…: the console page. It is open; the API it calls is not. */
import type { StaticFile } from '../static-files.js'

const folder = new URL('../console/', import.meta.url)
const page = 'index.html'

/** Only these are served; tests lie beside them. */
const names = [
  page,
  'icon.svg',
  'theme.css',
  'console.css',
  'controls.css',
  'flow.css',
  'lists.css',
  'details.css',
  'console.js',
  'api.js',
  'channels.js',
  'dead-letter.js',
  'dead-letters.js',
  'elements.js',
  'flow.js',
  'live-list.js',
  'notification.js',
  'notifications.js',
  'outbox.js',
  'overview.js',
  'poll.js',
  'send-request.js',
  'send.js',
  'timeline.js',
  'wording.js',
]

/** The console's files. */
export function consoleFiles(): StaticFile[] {
  return names.map((name) => ({
    path: name === page ? '/' : `/console/${name}`,
    source: new URL(name, folder),
  }))
}
