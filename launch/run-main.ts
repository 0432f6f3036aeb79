import { LaunchError } from './launch-error.ts';

/** Runs a program of this folder: what can be expected to go wrong is said in its own words, with exit code 1. */
export async function runMain(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    const isExpected = error instanceof LaunchError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS');
    if (!isExpected) throw error;
    process.stderr.write(`\n${(error as Error).message}\n`);
    process.exit(1);
  }
}
