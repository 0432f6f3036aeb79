import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { identityOf } from '../../../inference-server/src/domain/identity.ts';
import type { Series, Study } from '../../../inference-server/src/domain/study.ts';
import { parseUid, type InstanceUid, type SeriesUid } from '../../../inference-server/src/domain/uid.ts';

const MODEL = { id: 'a-model', version: '1.0.0' };
const series = (uid: string, instances: readonly string[]) => ({ uid, instances: instances.map(i => ({ uid: i as InstanceUid })) }) as unknown as Series;
const study = (...all: Series[]): Study => ({ uid: parseUid('study', '1.2.3'), series: all });
const uid = (text: string) => text as SeriesUid;
const uids = fc.uniqueArray(fc.stringMatching(/^1\.2\.\d{1,8}$/), { minLength: 2, maxLength: 30 });

describe('the identity of a run', () => {
  it('does not depend on the order in which Orthanc lists images and series', () => {
    fc.assert(fc.property(uids, fc.nat(), (images, seed) => {
      const cut = 1 + (seed % (images.length - 1));
      const [a, b] = [images.slice(0, cut), images.slice(cut)];
      const used = { t1: uid('1'), t2: uid('2') };
      const straight = identityOf(study(series('1', a), series('2', b)), used, MODEL);
      const turned = identityOf(study(series('2', b.toReversed()), series('1', a.toReversed())), used, MODEL);
      expect(turned).toBe(straight);
    }));
  });

  it('changes when an image joins a series that is used', () => {
    fc.assert(fc.property(uids, images => {
      const used = { t1: uid('1') };
      expect(identityOf(study(series('1', images)), used, MODEL)).not.toBe(identityOf(study(series('1', images.slice(1))), used, MODEL));
    }));
  });

  it('does not change when a series arrives that is not used', () => {
    const used = { t1: uid('1') };
    expect(identityOf(study(series('1', ['1.2']), series('9', ['1.9'])), used, MODEL)).toBe(identityOf(study(series('1', ['1.2'])), used, MODEL));
  });

  it('changes when two series swap their roles', () => {
    const both = study(series('1', ['1.1']), series('2', ['1.2']));
    expect(identityOf(both, { t1: uid('1'), t1ce: uid('2') }, MODEL)).not.toBe(identityOf(both, { t1: uid('2'), t1ce: uid('1') }, MODEL));
  });

  it('changes with the version of the model', () => {
    const one = study(series('1', ['1.1']));
    expect(identityOf(one, { t1: uid('1') }, MODEL)).not.toBe(identityOf(one, { t1: uid('1') }, { ...MODEL, version: '1.0.1' }));
  });
});
