import { Random } from '../../demo/src/phantom/random.ts';

export interface Site {
  readonly studiesPerDay: number;
  readonly workers: number;
  /** Measured, of one run on one worker, s. */
  readonly runSeconds: number;
  /** Share of a day's studies in each hour of the day. */
  readonly hours: readonly number[];
}

export interface Waiting {
  /** From arrival to result, s. */
  readonly medianSeconds: number;
  readonly p95Seconds: number;
  readonly longestSeconds: number;
  /** Share of the busiest hour in which a worker computes. */
  readonly busiestHour: number;
}

/** A working day of a radiology department: nearly all between 7 and 19 h, most at about 10 and 14 h. */
export const WORKING_DAY = [1, 1, 1, 1, 1, 1, 2, 5, 8, 10, 11, 9, 7, 9, 10, 9, 7, 5, 3, 2, 2, 1, 1, 1].map((part, _, all) => part / all.reduce((a, b) => a + b));

/**
 * Simulates days of a queue that is taken first come, first served: arrivals at random (Poisson) by the hour of the day,
 * run times spread by a fifth around the measured one. It knows nothing of Orthanc, the network or the database.
 */
export function simulate({ studiesPerDay, workers, runSeconds, hours }: Site, days = 50, seed = 1): Waiting {
  const random = new Random(seed);
  const times: number[] = [];
  let busy = 0;
  const busiest = hours.indexOf(Math.max(...hours));
  const freeAt = new Array<number>(workers).fill(0);
  for (let day = 0; day < days; day++) {
    for (const [hour, share] of hours.entries()) {
      const rate = (studiesPerDay * share) / 3600;
      const end = (day * 24 + hour + 1) * 3600;
      for (let at = end - 3600 - Math.log(1 - random.uniform()) / rate; at < end; at -= Math.log(1 - random.uniform()) / rate) {
        const worker = freeAt.indexOf(Math.min(...freeAt));
        const takes = runSeconds * (0.8 + 0.4 * random.uniform());
        const begin = Math.max(at, freeAt[worker]!);
        freeAt[worker] = begin + takes;
        times.push(begin + takes - at);
        if (hour === busiest) busy += takes;
      }
    }
  }
  times.sort((a, b) => a - b);
  const at = (q: number) => times[Math.floor(q * (times.length - 1))]!;
  return { medianSeconds: at(0.5), p95Seconds: at(0.95), longestSeconds: at(1), busiestHour: busy / (days * 3600 * workers) };
}
