export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const addTallies = (a: Tally, b: Tally): Tally => ({ passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped });

interface Report {
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/**
 * Counts the tests of a vitest JSON report. What fails outside a test (a file that does not load, a `beforeAll`, an
 * error nobody caught, vitest itself) counts as one failure each, so that no failure goes uncounted.
 * @param report the parsed report, `undefined` where vitest wrote none.
 * @param exitCode vitest's.
 */
export function countTests(report: unknown, exitCode: number): Tally {
  if (!isReport(report)) return { passed: 0, failed: 1, skipped: 0 };
  const statuses = report.testResults.flatMap(file => file.assertionResults.map(({ status }) => status));
  const count = (status: string): number => statuses.filter(each => each === status).length;
  const brokenFiles = report.testResults.filter(file => file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed')).length;
  const failed = count('failed') + brokenFiles;
  const passed = count('passed');
  return { passed, failed: failed === 0 && exitCode !== 0 ? 1 : failed, skipped: statuses.length - passed - count('failed') };
}

function isReport(report: unknown): report is Report {
  return typeof report === 'object' && report !== null && Array.isArray((report as Partial<Report>).testResults);
}
