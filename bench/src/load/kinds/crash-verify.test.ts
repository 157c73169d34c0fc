// The check of the crash workload must itself be checked: it finds what is wrong.
import t from 'tap'
import { bootInProcess } from '../../cluster/in-process.ts'
import { bytesOf, type Content, emptyCounts, type Knowledge, verifyFolder } from './crash-verify.ts'

const folder = '/folder'
const small: Content = [{ offset: 0, seed: 1, size: 1001 }]
const large: Content = [{ offset: 0, seed: 2, size: 200_001 }]

t.test('every kind of harm is found, and none where there is none', async t => {
  const cluster = await bootInProcess()
  t.teardown(() => cluster.stop())
  const fs = await cluster.connect()
  await fs.mkdirs(`${folder}/inner`)
  await fs.writeFile(`${folder}/small`, bytesOf(small))
  await fs.writeFile(`${folder}/large`, bytesOf(large))
  const right: Knowledge = {
    folder,
    files: new Map([
      ['small', small],
      ['large', large],
    ]),
    directories: new Set(['inner']),
    uncertain: new Set(),
  }
  const found = async (change: Partial<Knowledge>) => {
    const counts = emptyCounts()
    await verifyFolder(fs, { ...right, ...change }, counts)
    const { lost, wrongContent, wrongNames, wrongTotals } = counts
    return { lost, wrongContent, wrongNames, wrongTotals }
  }
  const nothing = { lost: 0, wrongContent: 0, wrongNames: 0, wrongTotals: 0 }
  const withFiles = (files: ReadonlyArray<readonly [string, Content]>) => ({
    files: new Map([...right.files, ...files]),
  })

  t.same(await found({}), nothing)
  t.same(await found(withFiles([['gone', small]])), { ...nothing, lost: 1, wrongTotals: 1 })
  t.same(await found(withFiles([['large', [...large, { offset: 7, seed: 3, size: 9 }]]])), {
    ...nothing,
    wrongContent: 1,
  })
  t.same(await found({ files: new Map([['small', small]]) }), { ...nothing, wrongNames: 1, wrongTotals: 1 })
  t.same(await found({ directories: new Set(['inner', 'other']) }), { ...nothing, wrongTotals: 1 })
  t.same(
    await found({ files: new Map([['small', small]]), uncertain: new Set(['large']) }),
    nothing,
    'what nobody knows is left out',
  )
})

t.test('bytes follow from their writes, the later ones over the earlier ones', async t => {
  const content = [
    { offset: 0, seed: 1, size: 10 },
    { offset: 8, seed: 2, size: 7 },
  ]
  const bytes = bytesOf(content)
  t.equal(bytes.length, 15)
  t.same(bytes.subarray(0, 8), bytesOf(content.slice(0, 1)).subarray(0, 8))
  t.same(bytes.subarray(8), bytesOf([{ offset: 0, seed: 2, size: 7 }]))
  t.notSame(bytesOf(small), bytesOf([{ offset: 0, seed: 9, size: 1001 }]))
})
