/** `npm run doctor`: looks at the installation, part by part, and says of what is wrong what to do. Changes nothing. Exit code 1 where something is wrong. */
import { parseArgs } from 'node:util';
import { diagnose, type Finding } from './diagnose.ts';
import { LaunchError } from './launch-error.ts';

const MARKS = { well: 'well ', note: 'note ', wrong: 'WRONG' } as const;

function print(findings: readonly Finding[]): void {
  const width = Math.max(...findings.map(({ part }) => part.length));
  for (const { part, verdict, found, remedy } of findings) {
    process.stdout.write(`${MARKS[verdict]}  ${part.padEnd(width)}  ${found}\n`);
    if (remedy) process.stdout.write(`       ${' '.repeat(width)}  → ${remedy}\n`);
  }
  const wrong = findings.filter(({ verdict }) => verdict === 'wrong').length;
  process.stdout.write(wrong === 0 ? '\nNothing is wrong.\n' : `\n${wrong} of ${findings.length} are wrong; docs/troubleshooting.md tells more.\n`);
}

try {
  const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
  const findings = await diagnose(process.env);
  if (values.json) process.stdout.write(`${JSON.stringify(findings, null, 2)}\n`);
  else print(findings);
  process.exitCode = findings.some(({ verdict }) => verdict === 'wrong') ? 1 : 0;
} catch (error) {
  if (!(error instanceof LaunchError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS'))) throw error;
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
