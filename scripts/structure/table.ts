/** Reads tables of Markdown pages: the names in backticks that stand in the first column. */

/** Name to line (from 1), below the heading `section` up to the next of its level, or in the whole page. */
export function firstCells(page: string, section?: string): Map<string, number> {
  const rows = new Map<string, number>()
  let inside = section === undefined
  for (const [index, line] of page.split('\n').entries()) {
    if (section !== undefined && line.startsWith('## ')) inside = line.trim() === section
    const name = inside ? /^\|\s*`([^`]+)`\s*\|/.exec(line)?.[1] : undefined
    if (name !== undefined) rows.set(name, index + 1)
  }
  return rows
}
