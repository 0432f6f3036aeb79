import { describe, expect, it } from 'vitest';
import { countTests } from '../../../launch/test-tally.ts';

const file = (status: string, ...tests: string[]) => ({ status, assertionResults: tests.map(each => ({ status: each })) });

describe('counting the tests of a report', () => {
  it('counts passed, failed and everything else as skipped', () => {
    const report = { testResults: [file('failed', 'passed', 'failed', 'pending'), file('passed', 'passed', 'skipped', 'todo')] };
    expect(countTests(report, 1)).toEqual({ passed: 2, failed: 1, skipped: 3 });
  });

  it('counts a file that could not be loaded as one failure', () => {
    expect(countTests({ testResults: [file('failed'), file('passed', 'passed')] }, 1)).toEqual({ passed: 1, failed: 1, skipped: 0 });
  });

  it('counts a file whose preparation failed as one failure, its tests as skipped', () => {
    expect(countTests({ testResults: [file('failed', 'skipped', 'skipped')] }, 1)).toEqual({ passed: 0, failed: 1, skipped: 2 });
  });

  it('counts an error outside all tests as one failure', () => {
    expect(countTests({ testResults: [file('passed', 'passed')] }, 1)).toEqual({ passed: 1, failed: 1, skipped: 0 });
  });

  it('counts a run without a report as one failure', () => {
    expect(countTests(undefined, 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });

  it('counts no failure where there is none', () => {
    expect(countTests({ testResults: [file('passed', 'passed')] }, 0)).toEqual({ passed: 1, failed: 0, skipped: 0 });
  });
});
