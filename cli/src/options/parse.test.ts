import t from 'tap'
import { UsageError } from '../exit.ts'
import { nearest } from './nearest.ts'
import { parseOptions } from './parse.ts'
import type { OptionRow } from './row.ts'

const rows = [
  { name: 'home', type: 'text', sentence: '', setting: true },
  { name: 'datanodes', type: 'count', minimum: 1, maximum: 64, sentence: '', setting: true },
  { name: 'port', type: 'port', default: 0, sentence: '', setting: true },
  {
    name: 'log-level',
    type: 'choice',
    choices: ['info', 'debug'],
    default: 'info',
    sentence: '',
    setting: true,
  },
  { name: 'json', type: 'flag', sentence: '' },
  { name: 'quiet', type: 'flag', sentence: '', setting: true },
  { name: 'tag', type: 'text', multiple: true, sentence: '' },
] as const satisfies readonly OptionRow[]

t.test('values come from flags with = or a following word, the rest stays in order', async t => {
  const { values, positionals } = parseOptions(rows, [
    ...['a', '--home', '/x', '--port=80', '--json', 'b', '--tag', 'one', '--tag=two', '--', '--port'],
  ])
  t.match(values, { home: '/x', port: 80, json: true, tag: ['one', 'two'], 'log-level': 'info' })
  t.equal(values.datanodes, undefined)
  t.strictSame(positionals, ['a', 'b', '--port'])
})

t.test('a flag goes before the environment, that before the file, that before the default', async t => {
  const file = { path: '/h/config.json', values: { port: 3, 'log-level': 'debug', quiet: true } }
  const environment = { HOPBINE_PORT: '2', HOPBINE_HOME: '', HOPBINE_JSON: '1' }
  const none = parseOptions(rows, [], { environment, file })
  t.match(none.values, { port: 2, 'log-level': 'debug', quiet: true, json: false, home: undefined })
  t.equal(parseOptions(rows, ['--port', '1'], { environment, file }).values.port, 1)
  const off = parseOptions(rows, [], { environment: { HOPBINE_QUIET: 'off' }, file })
  t.equal(off.values.quiet, false)
})

t.test('what cannot be understood is refused with a sentence', async t => {
  const cases: ReadonlyArray<readonly [args: string[], message: string]> = [
    [['--prot', '1'], 'unknown option --prot, did you mean --port?'],
    [['--zzzzzzzz'], 'unknown option --zzzzzzzz'],
    [['-p'], 'unknown option -p'],
    [['--port'], '--port needs a value: --port N'],
    [['--port', 'x'], '--port must be a whole number from 0 to 65535, not "x"'],
    [['--port=70000'], '--port must be a whole number from 0 to 65535, not "70000"'],
    [['--datanodes', '0'], '--datanodes must be a whole number from 1 to 64, not "0"'],
    [['--log-level', 'loud'], '--log-level must be one of info, debug, not "loud"'],
    [['--json=1'], '--json takes no value'],
  ]
  for (const [args, message] of cases) t.throws(() => parseOptions(rows, args), new UsageError(message))
  const environment = { HOPBINE_PORT: 'many' }
  t.throws(() => parseOptions(rows, [], { environment }), { message: /^HOPBINE_PORT must be a whole number/ })
  const file = { path: '/h/config.json', values: { port: [] } }
  t.throws(() => parseOptions(rows, [], { environment: {}, file }), {
    message: '"port" in /h/config.json must be N',
  })
})

t.test('a mistyped word finds its neighbour, a strange one none', async t => {
  t.equal(nearest('namenod', ['up', 'namenode', 'datanode']), 'namenode')
  t.equal(nearest('pu', ['up', 'namenode']), 'up')
  t.equal(nearest('chmdo', ['chown', 'chmod']), 'chmod')
  t.equal(nearest('quorum', ['up', 'namenode']), undefined)
})
