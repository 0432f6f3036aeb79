import { existsSync } from 'node:fs';
import { readConfig } from '../../inference-server/src/config.ts';
import { ORTHANC_BINARY } from '../../launch/services.ts';
import { endure } from '../load/endurance.ts';
import { skipped, type Bench } from './bench-result.ts';

const [BEFORE, RUNS, CANCELS] = [5, 100, 10];
const MOST_LIVE_MS = 50;
const MOST_CANCEL_MS = 2_000;
/** Of the base: what an allocator keeps back differs from run to run. */
const MOST_GROWTH = 1.2;

/** A hundred runs of the default model in one worker: what they leave in memory, and how the gateway answers meanwhile; then runs are cancelled. */
export const bench: Bench = async () => {
  if (!existsSync(ORTHANC_BINARY)) {
    skipped('endurance', 'Orthanc is not installed');
    return [];
  }
  const { DEFAULT_MODEL } = readConfig(process.env);
  const { completed, secondsPerRun, liveMs, memoryMiB, cancelMs } = await endure({ model: DEFAULT_MODEL, runsBefore: BEFORE, runs: RUNS, cancels: CANCELS });
  const longest = cancelMs[0]!;
  return [
    { name: 'endurance, runs that did not complete', value: BEFORE + RUNS - completed, unit: `of ${BEFORE + RUNS}`, limit: '0', holds: completed === BEFORE + RUNS },
    { name: 'endurance, a run', value: secondsPerRun, unit: 's', holds: true },
    { name: 'endurance, /health/live p50 during inference', value: liveMs.p50, unit: 'ms', holds: true },
    { name: `endurance, /health/live p99 during inference (${liveMs.count} requests)`, value: liveMs.p99, unit: 'ms', limit: `≤ ${MOST_LIVE_MS} ms`, holds: liveMs.p99 <= MOST_LIVE_MS },
    ...Object.entries(memoryMiB).map(([part, { base, after }]) => ({
      name: `endurance, memory of the ${part} after ${RUNS} runs`, value: after, unit: 'MiB', against: base, ratio: after / base, limit: `≤ ${MOST_GROWTH} × before`, holds: after <= MOST_GROWTH * base,
    })),
    { name: 'endurance, longest until a cancelled computation ended', value: longest, unit: 'ms', limit: `≤ ${MOST_CANCEL_MS} ms`, holds: longest <= MOST_CANCEL_MS },
  ];
};
