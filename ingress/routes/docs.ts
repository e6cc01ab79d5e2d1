/** /openapi.json, and /docs, which shows it with Swagger UI from this machine. */

import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type IngressApp, jsonText } from '../endpoint.js'
import { tags } from '../endpoint-document.js'
import type { IngressOptions } from '../options.js'
import type { StaticFile } from '../static-files.js'

/** Where the description of the API is. */
export const documentPath = '/openapi.json'

const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Carillon API</title>
    <link rel="icon" href="/docs/favicon-32x32.png">
    <link rel="stylesheet" href="/docs/swagger-ui.css">
    <script src="/docs/swagger-ui-bundle.js" defer></script>
    <script src="/docs/start.js" defer></script>
  </head>
  <body><div id="docs"></div></body>
</html>
`
const start = `SwaggerUIBundle({
  url: '${documentPath}',
  dom_id: '#docs',
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null,
})
`

/** Swagger UI and the page around it. */
export function docsFiles(): StaticFile[] {
  const folder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
  const fromSwagger = ['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png']
  return [
    { path: '/docs', source: page },
    { path: '/docs/', source: page },
    // Where the systems that Carillon replaces had theirs.
    { path: '/swagger', source: page },
    { path: '/swagger/', source: page },
    { path: '/swagger/index.html', source: page },
    { path: '/docs/start.js', source: start },
    ...fromSwagger.map((name) => ({ path: `/docs/${name}`, source: pathToFileURL(join(folder, name)) })),
  ]
}

/** Serves the OpenAPI document, made when it is first asked for. */
export function documentRoute(app: IngressApp, { version, apiKey }: IngressOptions): void {
  let text: string | null = null
  app.openAPIRegistry.registerComponent('securitySchemes', 'key', { type: 'http', scheme: 'bearer' })
  app.get(documentPath, (c) => {
    c.set('route', documentPath)
    text ??= JSON.stringify(
      app.getOpenAPI31Document({
        openapi: '3.1.0',
        info: {
          title: 'Carillon',
          version,
          description:
            'A notification pipeline. What is accepted is not lost, each hop happens once, and it says what happened.',
          license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
        },
        servers: [{ url: '/' }],
        tags: tags.map((name) => ({ name })),
        ...(apiKey !== null && { security: [{ key: [] }] }),
      }),
    )
    return jsonText(c, 200, text)
  })
}
