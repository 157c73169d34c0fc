/**
 * Writes docs/errors.md from the error table in common/src/base/errors.ts: `npm run docs`. The page is
 * generated whole, so it is never edited by hand; the structure test notices when it falls behind.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { ERRORS } from '@hopbine/common/base/errors.ts'

const HEAD = `# Errors

Every operation that is refused answers with one of these codes. The command line, the mount, REST and WebHDFS
each show their column of the same row. Written by \`npm run docs\` from \`common/src/base/errors.ts\`.

*Retry* says whether the same request may be sent again: never, to the same node, or to another node after
looking up anew who serves it. The client library does this by itself.

| Code | Meaning | errno | HTTP | Java exception | Retry | Wire |
| --- | --- | --- | --- | --- | --- | --- |
`

const rows = Object.entries(ERRORS).map(([code, row]) => {
  const sentence = row.sentence.replaceAll('|', '\\|')
  const cells = [`\`${code}\``, sentence, row.errno, row.http, row.java, row.retry, row.wire]
  return `| ${cells.join(' | ')} |\n`
})

const docs = new URL('../docs/', import.meta.url)
mkdirSync(docs, { recursive: true })
writeFileSync(new URL('errors.md', docs), HEAD + rows.join(''))
