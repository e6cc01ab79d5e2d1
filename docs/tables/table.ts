/** A table in Markdown. */

/** Rows of cells below a head. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escaped).join(' | ')} |`
  // An empty cell is a single space, as in `| a | | b |`.
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n').replaceAll('|  |', '| |')
}

/** A bar would end the cell; an angle bracket would begin HTML, but within code and before a line break of ours. */
function escaped(cell: string): string {
  return cell
    .replaceAll('|', '\\|')
    .replaceAll(/(`[^`]*`)|<(?!br>)/g, (bracket, code) => code ?? bracket.replace('<', '&lt;'))
}

/** `a`, `b` and so on, each as code. */
export function codes(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ')
}
