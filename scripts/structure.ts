/**
 * The structure test: reads the sources as text and syntax trees and says where the layout, the import
 * arrows, the size limits or the tables have been left. Usage: node scripts/structure.ts [ROOT]. It never
 * runs, changes or type-checks the code it reads.
 */
import { fileURLToPath } from 'node:url'
import { checkStructure } from './structure/check.ts'

const root = process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url))
const violations = checkStructure(root)
for (const { path, line, rule, message } of violations) console.log(`${path}:${line}: ${rule}: ${message}`)
if (violations.length > 0) {
  console.log(`structure: ${violations.length} violations`)
  process.exitCode = 1
}
