/**
 * The data platform: projects, members, datasets, sharing, quotas, jobs, certificates and audit, served over
 * HTTP. Its routes turn requests into metadata calls of the client library; the rows themselves live in the
 * metadata shards. It never opens a shard's database and never talks to a datanode directly.
 */
export const PLATFORM_API_VERSION = 1
