/**
 * Version of the native protocol, agreed when a session opens: both sides use the lower of their newest
 * versions, and a side that cannot go so low refuses with VERSION_MISMATCH.
 *
 *   1  first: sessions, files, directories, blocks, change feed
 */
export const PROTOCOL_VERSION = 1
export const PROTOCOL_VERSION_OLDEST = 1
