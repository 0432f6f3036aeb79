import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { INITIAL, reduce, runState, runToShow, seriesAskedFor } from '../../../extension/src/run-state.ts';
import type { PanelEvent, PanelState } from '../../../extension/src/run-state.ts';
import { aResult } from '../../support/runs.ts';
import { aWireRun } from '../../support/wire-run.ts';

const after = (...events: PanelEvent[]): PanelState => events.reduce(reduce, INITIAL);
const opened: PanelEvent = { kind: 'study-opened', studyInstanceUid: '1.2.3' };
const refused: PanelEvent = { kind: 'refused', failure: { code: 'SERIES_MISSING', detail: 'no T1ce', status: 422 } };
const progressed = (progress: number, runId = 'run-1'): PanelEvent => ({
  kind: 'run-progressed', runId, event: { state: 'running', stage: 'infer', progress, queuePosition: null, etaSeconds: 5, error: null },
});

describe('the state of the panel', () => {
  it('is idle for a study without a run', () => {
    expect(runState(after(opened))).toBe('idle');
  });

  it('counts as queued while the request is on its way', () => {
    expect(runState(after(opened, { kind: 'run-requested' }))).toBe('queued');
  });

  it('keeps how the reader wants overlays to look from one study to the next', () => {
    const state = after(opened, { kind: 'overlay-styled', style: { fill: false } }, { kind: 'study-opened', studyInstanceUid: '1.2.4' });
    expect(state.overlayStyle).toEqual({ opacity: 0.5, fill: false });
  });

  it('counts a refused request as failed', () => {
    expect(runState(after(opened, { kind: 'run-requested' }, refused))).toBe('failed');
  });

  it('keeps showing a running run when another request is refused', () => {
    expect(runState(after(opened, { kind: 'run-received', run: aWireRun() }, refused))).toBe('running');
  });

  it('never lets the progress of a running run go back', () => {
    fc.assert(fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true })), steps => {
      let state = after(opened, { kind: 'run-received', run: aWireRun({ progress: 0 }) });
      for (const step of steps) {
        const before = state.run!.progress;
        state = reduce(state, progressed(step));
        expect(state.run!.progress).toBeGreaterThanOrEqual(before);
      }
    }));
  });

  it('ignores progress of another run', () => {
    const state = after(opened, { kind: 'run-received', run: aWireRun() });
    expect(reduce(state, progressed(0.9, 'run-2'))).toBe(state);
  });

  it('never shows a run of another study', () => {
    expect(after(opened, { kind: 'run-received', run: aWireRun({ studyInstanceUid: '9.9' }) }).run).toBeNull();
  });

  it('forgets everything of the study before when another is opened', () => {
    const state = after(opened, { kind: 'run-received', run: aWireRun() }, { kind: 'study-opened', studyInstanceUid: '4.5.6' });
    expect(state).toEqual({ ...INITIAL, studyInstanceUid: '4.5.6' });
  });

  it('asks for the overlay again when a run brings another result', () => {
    const first = aWireRun({ state: 'completed', result: aResult() });
    const second = aWireRun({ id: 'run-2', state: 'completed', result: aResult({ segSeriesUid: '2.25.99' }) });
    expect(after(opened, { kind: 'run-received', run: first }, { kind: 'overlay', overlay: 'shown' }, { kind: 'run-received', run: second }).overlay).toBe('hidden');
  });

  it('keeps the overlay when the same result is read again', () => {
    const run = aWireRun({ state: 'completed', result: aResult() });
    expect(after(opened, { kind: 'run-received', run }, { kind: 'overlay', overlay: 'shown' }, { kind: 'run-received', run }).overlay).toBe('shown');
  });

  it('hides and shows a segment in turn', () => {
    const toggle: PanelEvent = { kind: 'segment-toggled', segment: 2 };
    expect(after(opened, toggle).hiddenSegments).toEqual([2]);
    expect(after(opened, toggle, toggle).hiddenSegments).toEqual([]);
  });
});

describe('the series that a run is asked for with', () => {
  const identified = { studyInstanceUid: '1.2.3', series: [], used: { t1: '1', t2: '2', flair: '3' } } as unknown as Extract<PanelEvent, { kind: 'series-identified' }>['identified'];
  const choosing = (sequence: 't1' | 't2' | 'flair', seriesInstanceUid: string | null) =>
    seriesAskedFor(after(opened, { kind: 'series-identified', identified }, { kind: 'series-chosen', sequence, seriesInstanceUid }));

  it('are those that the reader chose or left out', () => {
    expect(choosing('t2', '4')).toEqual({ t2: '4' });
    expect(choosing('t2', null)).toEqual({ t2: null });
  });

  it('name both sequences that one series stands for, so that the reader is told', () => {
    expect(choosing('t2', '3')).toEqual({ t2: '3', flair: '3' });
  });
});

describe('the run to show of a study', () => {
  const failed = aWireRun({ id: 'failed', state: 'failed' });
  const completed = aWireRun({ id: 'completed', state: 'completed' });
  const running = aWireRun({ id: 'running' });

  it.each([
    ['one under way before a newer failure', [failed, running, completed], 'running'],
    ['the last result before a newer failure', [failed, completed], 'completed'],
    ['the newest where none has a result', [failed, aWireRun({ state: 'cancelled' })], 'failed'],
  ])('is %s', (_, runs, id) => {
    expect(runToShow(runs)?.id).toBe(id);
  });

  it('is none where there is no run', () => {
    expect(runToShow([])).toBeNull();
  });
});
