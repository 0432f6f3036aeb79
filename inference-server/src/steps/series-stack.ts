import { cross, dot, norm } from '../domain/geometry.ts';
import type { Series } from '../domain/study.ts';

/** Slices at one position in a series that was acquired more than once are one; nearer ones are rounding, mm. */
const SAME_POSITION_MM = 0.1;

export interface Stack {
  /** How far the series reaches along its slices' normal. */
  readonly extentMm: number;
  readonly stepMm: number;
  /** How often each position was acquired, on average; 1 where positions are not known. */
  readonly volumes: number;
}

/** What the positions of a series' images say of it. */
export function stackOf({ attributes: { imageOrientation: o, sliceThicknessMm, numberOfFrames }, instances }: Series): Stack {
  const normal = o?.length === 6 ? cross([o[0]!, o[1]!, o[2]!], [o[3]!, o[4]!, o[5]!]) : null;
  const at = normal && norm(normal) > 0 ? instances.flatMap(({ positionMm }) => (positionMm ? [dot(positionMm, normal)] : [])).sort((a, b) => a - b) : [];
  const distinct = at.filter((mm, i) => i === 0 || mm - at[i - 1]! > SAME_POSITION_MM);
  if (distinct.length < 2) return { extentMm: (sliceThicknessMm ?? 0) * Math.max(instances.length, numberOfFrames), stepMm: sliceThicknessMm ?? 99, volumes: 1 };
  const reach = distinct.at(-1)! - distinct[0]!;
  const stepMm = reach / (distinct.length - 1);
  return { extentMm: reach + stepMm, stepMm, volumes: at.length / distinct.length };
}
