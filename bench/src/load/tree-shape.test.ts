import t from 'tap'
import { TreePaths } from './tree-shape.ts'

const shape = {
  base: '/base',
  files: 3000,
  filesPerDirectory: 16,
  directoriesPerDirectory: 2,
  depth: 5,
  nameBytes: 34,
}

t.test('every path is there once, under a parent with a smaller number', async t => {
  const paths = new TreePaths(shape)
  t.equal(paths.directories, Math.ceil(3000 / 16))
  t.equal(paths.treeDirectories, 15)
  t.equal(paths.trees, Math.ceil(paths.directories / 15))
  const seen = new Map<string, number>([['/base', -1]])
  for (let index = 0; index < paths.directories; index++) {
    const path = paths.directory(index)
    t.notOk(seen.has(path))
    const parent = path.slice(0, path.lastIndexOf('/'))
    t.ok((seen.get(parent) ?? Number.POSITIVE_INFINITY) < index)
    t.equal(path.split('/').length - 1, paths.depthOf(index))
    seen.set(path, index)
  }
  const files = new Set(Array.from({ length: shape.files }, (_, index) => paths.file(index)))
  t.equal(files.size, shape.files)
})

t.test('no directory is deeper than asked for, and names have the asked length', async t => {
  const paths = new TreePaths(shape)
  const depths = Array.from({ length: paths.directories }, (_, index) => paths.depthOf(index))
  t.equal(Math.max(...depths), 5)
  t.ok(
    paths
      .file(77)
      .split('/')
      .slice(2)
      .every(name => name.length === 34),
  )
})

t.test('two processes compute the same paths in any order', async t => {
  const [left, right] = [new TreePaths(shape), new TreePaths(shape)]
  const forward = Array.from({ length: 200 }, (_, index) => left.file(index))
  const backward = Array.from({ length: 200 }, (_, index) => right.file(199 - index)).reverse()
  t.same(forward, backward)
})
