/**
 * Apache HDFS 3.4.1 on the same two cores, loopback, JDK 17, edits fsynced: what stands beside our figures in
 * a table. Keys are our metrics; texts, since most of them are ranges.
 */
export const HDFS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  spotify: {
    opsPerSecond: '8,300-10,900',
    serverCpuMicrosPerOp: '77-89',
    clientCpuMicrosPerOp: '95-140',
  },
  mdtest: {
    createPerSecond: '3,840-3,880',
    serverCpuMicrosPerCreate: '176-200',
    statPerSecond: '10,330',
    readPerSecond: '10,270',
    renamePerSecond: '6,316',
    removePerSecond: '7,760',
  },
  smallfiles: {
    'writesPerSecond.1': '142',
    'writesPerSecond.10': '196',
    'writesPerSecond.64': '174',
    'readsPerSecond.10': '311-906',
  },
  throughput: {
    writeMiBPerSecond: '275-432',
    warmReadMiBPerSecond: '1,060-1,827',
    writeCpuSecondsPerGiB: '3.5-6.2',
    warmReadCpuSecondsPerGiB: '0.95-1.7',
  },
  treecost: {
    'renameMillis.1000': '2.7',
    'renameMillis.100000': '62',
    'renameMillis.1000000': '324 (574,000)',
    'removeMillis.100000': '66',
    'removeMillis.1000000': '225 (452,000)',
    'removeStallMillis.100000': '53',
    'removeStallMillis.1000000': '213 (452,000)',
    'contentSummaryMillis.100000': '67',
    'contentSummaryMillis.1000000': '294 (574,000)',
  },
  restart: {
    'firstAnswerMillis.1000000': '10,500 (574,000)',
    'firstAnswerAfterKillMillis.1000000': '26,000 (574,000)',
  },
  memory: { rssBytesPerFile: '108-165 (heap)' },
}
