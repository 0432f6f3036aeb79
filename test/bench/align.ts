import { ElastixRegistration } from '../../inference-server/src/adapters/elastix-registration.ts';
import { alignmentErrorsMm, MOVED_CASE } from '../support/moved-case.ts';
import { lacks } from '../support/shared-data.ts';
import { median, skipped, type Bench } from './bench-result.ts';

const MOTIONS = 200;

/** How well random motions of a real case are undone; ten minutes. */
export const bench: Bench = async () => {
  const absent = lacks(MOVED_CASE);
  if (absent) {
    skipped('align', absent);
    return [];
  }
  const errors = await alignmentErrorsMm(new ElastixRegistration(), MOTIONS);
  const middle = median(errors);
  const within = errors.filter(mm => mm <= 2).length / errors.length;
  return [
    { name: `align, corner error of ${MOTIONS} motions`, value: middle, unit: 'mm', limit: '≤ 1.0 mm', holds: middle <= 1 },
    { name: 'align, motions undone within 2 mm', value: 100 * within, unit: '%', limit: '≥ 95 %', holds: within >= 0.95 },
    { name: 'align, worst', value: Math.max(...errors), unit: 'mm', holds: true },
  ];
};
