import { STAGES, type Stage } from './run.ts';

export type StageSeconds = Partial<Record<Stage, number>>;

/** Share of each stage in the whole run where nothing has been measured yet. */
const USUAL_SECONDS: Record<Stage, number> = {
  fetch: 2, identify: 0.2, decode: 1, register: 3, 'extract-brain': 12, infer: 12, write: 1, store: 1,
};

/**
 * Progress of a whole run.
 * @param within 0…1 within the stage.
 * @returns 0…1
 */
export function overallProgress(stage: Stage, within: number): number {
  const before = sum(STAGES.slice(0, STAGES.indexOf(stage)).map(earlier => USUAL_SECONDS[earlier]));
  const inside = USUAL_SECONDS[stage] * Math.min(1, Math.max(0, within));
  return (before + inside) / sum(Object.values(USUAL_SECONDS));
}

/** Middle of what each stage took in earlier runs, seconds; undefined without earlier runs. */
export function typicalStageSeconds(history: readonly StageSeconds[]): Record<Stage, number> | undefined {
  if (!history.length) return undefined;
  return Object.fromEntries(STAGES.map(stage => {
    const times = history.map(run => run[stage] ?? 0).sort((a, b) => a - b);
    return [stage, times[Math.floor(times.length / 2)]!];
  })) as Record<Stage, number>;
}

/** Seconds that a run at this stage and overall progress still needs. */
export function remainingSeconds(typical: Record<Stage, number>, stage: Stage | null, progress: number): number {
  if (!stage) return sum(Object.values(typical));
  const [start, end] = [overallProgress(stage, 0), overallProgress(stage, 1)];
  const within = Math.min(1, Math.max(0, (progress - start) / (end - start)));
  return typical[stage] * (1 - within) + sum(STAGES.slice(STAGES.indexOf(stage) + 1).map(later => typical[later]));
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);
