/** `npm run doctor`: looks at the installation, part by part, and says of what is wrong what to do. Changes nothing. Exit code 1 where something is wrong. */
import { parseArgs } from 'node:util';
import { diagnose, type Finding } from './diagnose.ts';
import { runMain } from './run-main.ts';

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

await runMain(async () => {
  const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
  const findings = await diagnose(process.env);
  if (values.json) process.stdout.write(`${JSON.stringify(findings, null, 2)}\n`);
  else print(findings);
  process.exitCode = findings.some(({ verdict }) => verdict === 'wrong') ? 1 : 0;
});
