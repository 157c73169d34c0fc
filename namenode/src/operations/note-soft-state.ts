/** A command of the leader's own: tells its successors what they must know of its soft state. */
import { method } from '@hopbine/common/protocol/method.ts'
import { list, nothing, record, text } from '@hopbine/common/wire/codec.ts'
import { plainWrite } from './operation.ts'

export const noteSoftState = plainWrite(
  method(206, 'noteSoftState', 'write', 1, record({ added: list(text), removed: list(text) }), nothing),
  (tx, _context, { added, removed }) => {
    for (const note of removed) tx.notes.delete(note)
    for (const note of added) tx.notes.add(note)
    return {}
  },
)
