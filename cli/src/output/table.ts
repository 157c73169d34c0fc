/** Lays out rows of text in columns. Pure: it prints nothing. */

export type Align = 'left' | 'right'

/** One line per row; columns are as wide as their widest cell, the last one is not padded on its right. */
export function tableLines(
  rows: ReadonlyArray<readonly string[]>,
  aligns: readonly Align[],
  gap = '  ',
): string[] {
  const widths = aligns.map((_, column) => Math.max(0, ...rows.map(row => (row[column] ?? '').length)))
  return rows.map(row =>
    row
      .map((cell, column) => {
        if (aligns[column] === 'right') return cell.padStart(widths[column] ?? 0)
        return column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)
      })
      .join(gap),
  )
}
