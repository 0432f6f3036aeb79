/** `npm run capacity -- <seconds of one run> [studies a day …]`: the table of docs/capacity.md for a machine on which a run takes so long. */
import { simulate, WORKING_DAY } from './capacity.ts';

const [runSeconds, ...perDay] = process.argv.slice(2).map(Number);
if (!runSeconds || perDay.some(Number.isNaN)) {
  process.stderr.write('npm run capacity -- <seconds of one run> [studies a day …]\n');
  process.exit(2);
}
const MOST_WORKERS = 64;
const P95_LIMIT_S = 300;
process.stdout.write(`| studies a day | workers | median, s | 95 %, s | longest, s | busy in the busiest hour |\n|---|---|---|---|---|---|\n`);
for (const studiesPerDay of perDay.length > 0 ? perDay : [50, 200, 1_000]) {
  for (let workers = 1; workers <= MOST_WORKERS; workers++) {
    const { medianSeconds, p95Seconds, longestSeconds, busiestHour } = simulate({ studiesPerDay, workers, runSeconds, hours: WORKING_DAY });
    if (p95Seconds > P95_LIMIT_S && workers < MOST_WORKERS) continue;
    process.stdout.write(`| ${studiesPerDay} | ${workers} | ${Math.round(medianSeconds)} | ${Math.round(p95Seconds)} | ${Math.round(longestSeconds)} | ${Math.round(100 * busiestHour)} % |\n`);
    break;
  }
}
