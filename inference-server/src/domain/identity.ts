import { createHash } from 'node:crypto';
import { PIPELINE_VERSION, type SegOn } from './run.ts';
import { SEQUENCES, type SeriesSelection, type Study } from './study.ts';
import type { InstanceUid } from './uid.ts';

/**
 * Equal for equal work: the same images in the same roles, the same model, the same pipeline.
 * @returns SHA-256, hexadecimal; what the UIDs of the results are derived from.
 */
export function identityOf(study: Study, used: SeriesSelection['used'], model: { readonly id: string; readonly version: string }): string {
  const images = SEQUENCES.flatMap(sequence => {
    const series = study.series.find(candidate => candidate.uid === used[sequence]);
    return series ? [sequence, ...instanceUids([series])] : [];
  });
  return hash([...images, `${model.id}@${model.version}`, PIPELINE_VERSION]);
}

/** Equal for equal work with equal results: what a run is known by. The results' UIDs derive from the identity alone, so that asking for more of them repeats none. */
export const workOf = (identity: string, segOn: SegOn): string => (segOn === 'all' ? `${identity}+all` : identity);

/** Equal for the same images of a study, whatever they are used for. @returns SHA-256, hexadecimal. */
export const contentOf = (study: Study): string => hash(instanceUids(study.series));

const instanceUids = (series: Study['series']): InstanceUid[] => series.flatMap(({ instances }) => instances.map(({ uid }) => uid)).sort();

const hash = (lines: readonly string[]): string => createHash('sha256').update(lines.join('\n')).digest('hex');
