import t from 'tap'
import { FIRST_STATE } from '../testing/test-replica.ts'
import { openDatabase } from './database.ts'
import { Identities } from './identities.ts'

t.test('a name has one number for ever, a user and a group of one name the same', async t => {
  const db = openDatabase(':memory:', { cacheKiB: 64 }, FIRST_STATE)
  const identities = new Identities(db)
  t.equal(identities.find('operator'), 1)
  t.equal(identities.find('ada'), 0)
  const ada = identities.intern('ada')
  t.equal(identities.intern('ada'), ada)
  t.equal(identities.find('ada'), ada)
  t.equal(identities.nameOf(ada), 'ada')
  t.throws(() => identities.nameOf(0), { name: 'AssertionError' })
  t.throws(() => identities.nameOf(99), { name: 'AssertionError' })
  const again = new Identities(db)
  t.equal(again.find('ada'), ada)
  t.equal(again.intern('bob'), ada + 1)
})
