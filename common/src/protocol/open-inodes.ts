/**
 * Which inodes a session has open: what loses its last name elsewhere lives on until the last session that
 * has it open says that it is closed. Soft state of the namenode, said anew on every connection.
 */
import { flag, int, list, nothing, record } from '../wire/codec.ts'
import { type Method, method } from './method.ts'

/** Inodes that one session may declare; of further ones nothing is known. */
export const OPEN_INODES_MAX = 65_536

/**
 * To be said before an inode is asked for that is going to be open, and when it no longer is. With `all`,
 * what is not named in `opened` is closed; so begins each connection. Statements hold in the order in which
 * they are sent, and before whatever is asked behind them on the same connection. A session that is silent
 * past the hard limit of write leases counts as having nothing open.
 */
export const declareOpenInodes = method(
  57,
  'declareOpenInodes',
  'session',
  1,
  record({ all: flag, opened: list(int), closed: list(int) }),
  nothing,
)

export const OPEN_INODE_METHODS: readonly Method<unknown, unknown>[] = [declareOpenInodes]
