import { describe, expect, it } from 'vitest';
import type { RunState } from '../../../inference-server/src/domain/run.ts';
import { decidingRun, workStateOf } from '../../../inference-server/src/domain/work-state.ts';

const stateOf = (...newestFirst: (RunState | 'reviewed')[]) => workStateOf(decidingRun(newestFirst.map((state, n) =>
  ({ id: String(n), state: state === 'reviewed' ? 'completed' : state, reviewed: state === 'reviewed' }))));

describe('how a study stands', () => {
  it.each<[RunState[], string]>([[[], 'none'], [['cancelled'], 'none'], [['skipped'], 'none'], [['queued'], 'running'], [['running'], 'running'], [['failed'], 'failed'], [['completed'], 'needs-review']])(
    'with %j it is %s', (states, expected) => { expect(stateOf(...states)).toBe(expected); });

  it('is reviewed once its newest result is', () => {
    expect(stateOf('reviewed', 'superseded')).toBe('reviewed');
    expect(stateOf('completed', 'reviewed')).toBe('needs-review');
  });

  it('is under way while any run is, whatever came before', () => {
    expect(stateOf('completed', 'running')).toBe('running');
  });

  it('keeps its result when a later run is cancelled, not when one fails', () => {
    expect(stateOf('cancelled', 'completed')).toBe('needs-review');
    expect(stateOf('failed', 'completed')).toBe('failed');
  });
});
