import { parseArgs, type ParseArgsConfig } from 'node:util';
import { ConfigError } from '../config.ts';
import { AppError } from '../domain/errors.ts';

/** Wrong arguments, or something that they name and that is not there. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** @throws UsageError */
export function parse<const T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (cause) {
    throw new UsageError((cause as Error).message);
  }
}

/**
 * Runs a command. What can be expected to go wrong is said in a sentence, with exit code 1.
 * @param inWords of errors that no other command has, or that say more than their message.
 */
export async function runCommand(main: (args: string[]) => Promise<void>, inWords: (error: unknown) => string | undefined = () => undefined): Promise<void> {
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    const known = error instanceof UsageError || error instanceof ConfigError || error instanceof AppError;
    const said = inWords(error) ?? (known ? error.message : undefined);
    if (said === undefined) throw error;
    process.stderr.write(`${said}\n`);
    process.exitCode = 1;
  }
}
