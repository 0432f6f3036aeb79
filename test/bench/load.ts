import { existsSync } from 'node:fs';
import { ORTHANC_BINARY } from '../../launch/services.ts';
import { underLoad } from '../load/under-load.ts';
import { skipped, type Bench } from './bench-result.ts';

const RATE = 1_000;
/** 200 studies, 500 who follow their runs, 1,000 requests a second for statistics, all at once, on this machine's SQLite. */
export const bench: Bench = async () => {
  if (!existsSync(ORTHANC_BINARY)) {
    skipped('load', 'Orthanc is not installed');
    return [];
  }
  const { runs, asked, streams, statistics, liveMs, gatewayMiB, seconds } = await underLoad({ database: 'sqlite', studies: 200, models: 1, clients: 500, rate: RATE, seconds: 20 });
  // the urgent one is of a study that had a result when it was asked for, and takes its place
  const unfinished = runs.filter(({ id, state }) => state !== 'completed' && !(state === 'superseded' && id === asked[0])).length;
  for (const fault of new Set(streams.faults)) process.stderr.write(`a stream: ${fault}\n`);
  return [
    { name: 'load, runs that did not complete', value: unfinished, unit: `of ${runs.length}`, limit: '0', holds: unfinished === 0 },
    { name: 'load, time for all runs', value: seconds, unit: 's', holds: true },
    { name: 'load, event streams that missed the end', value: streams.faults.length, unit: `of ${streams.completed + streams.faults.length}`, limit: '0', holds: streams.faults.length === 0 },
    { name: 'load, statistics requests that failed', value: statistics.failed, unit: `of ${statistics.answered + statistics.failed}`, limit: '0', holds: statistics.failed === 0 },
    { name: 'load, statistics requests answered', value: statistics.perSecond, unit: '1/s', limit: `≥ 95 % of ${RATE}`, holds: statistics.perSecond >= 0.95 * RATE },
    { name: 'load, statistics p50', value: statistics.p50Ms, unit: 'ms', holds: true },
    { name: 'load, statistics p99', value: statistics.p99Ms, unit: 'ms', holds: true },
    { name: 'load, /health/live p99', value: liveMs.p99, unit: 'ms', holds: true },
    { name: 'load, gateway memory before', value: gatewayMiB.before, unit: 'MiB', holds: true },
    { name: 'load, gateway memory at most', value: gatewayMiB.most, unit: 'MiB', limit: '≤ 512 MiB', holds: gatewayMiB.most <= 512 },
    { name: 'load, gateway memory after', value: gatewayMiB.after, unit: 'MiB', holds: true },
  ];
};
