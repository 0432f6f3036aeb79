import { describe, expect, it } from 'vitest';
import { progressLine } from '../../../extension/src/progress-line.ts';
import { aWireRun } from '../../support/wire-run.ts';

describe('the line about a run', () => {
  it('gives its place in the queue', () => {
    expect(progressLine('en', aWireRun({ state: 'queued', stage: null, queuePosition: 3, etaSeconds: 120 }))).toBe('Number 3 in the queue · about 2 min left');
  });

  it('says when it is next', () => {
    expect(progressLine('fr', aWireRun({ state: 'queued', stage: null, queuePosition: 1, etaSeconds: null }))).toBe('Prochaine dans la file');
  });

  it('does not say that a run that has just begun is queued', () => {
    expect(progressLine('en', aWireRun({ stage: null, etaSeconds: null }))).toBe('Reading the images');
  });

  it('says that it waits, where it does not get further for now, queued or tried once more', () => {
    const error = { code: 'ORTHANC_REFUSED', message: 'Orthanc answered 500' };
    expect(progressLine('fr', aWireRun({ state: 'queued', stage: 'store', queuePosition: 1, etaSeconds: 3, error }))).toBe('En attente');
    expect(progressLine('en', aWireRun({ stage: 'store', etaSeconds: 3, error }))).toBe('Waiting');
  });

  it('gives its step and the time left', () => {
    expect(progressLine('en', aWireRun({ stage: 'extract-brain', etaSeconds: 12.3 }))).toBe('Aligning the series · about 12 s left');
  });
});
