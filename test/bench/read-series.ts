import { askPeer, aBenchStudy, readVolume } from './bench-study.ts';
import { median, type Bench } from './bench-result.ts';

const ROUNDS = 5;

/** Four series from their files to float32 volumes, in turn with SimpleITK's series reader. */
export const bench: Bench = async () => {
  const study = await aBenchStudy();
  const ours: number[] = [];
  const theirs: number[] = [];
  try {
    for (const folder of study.folders) await readVolume(folder); // the peers discard their first time too
    for (let round = 0; round < ROUNDS; round++) {
      const begin = performance.now();
      for (const folder of study.folders) await readVolume(folder);
      ours.push((performance.now() - begin) / 1000);
      const peer = round === 0 || theirs.length ? askPeer('series_read.py', [...study.folders, '--engine', 'simpleitk']) : undefined;
      if (peer) theirs.push(...peer.seconds);
    }
  } finally {
    study.remove();
  }
  const value = median(ours);
  const limit = '≤ SimpleITK';
  if (!theirs.length) return [{ name: 'read-series', value, unit: 's', limit, holds: true }];
  const against = median(theirs);
  return [{ name: 'read-series', value, unit: 's', against, ratio: value / against, limit, holds: value <= against }];
};
