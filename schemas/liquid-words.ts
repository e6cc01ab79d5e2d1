/** Words of the template language, Liquid, that no variable's name can begin with: literals and operators. */
export const liquidWords: ReadonlySet<string> = new Set([
  ...['true', 'false', 'nil', 'null', 'empty', 'blank'],
  ...['not', 'and', 'or', 'contains'],
])
