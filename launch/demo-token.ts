import { join } from 'node:path';
import { execute } from './execute.ts';
import { LaunchError } from './launch-error.ts';
import { ROOT } from './paths.ts';

const NAME = 'demo';

/**
 * A new administrator's token for whoever started the installation; an older one of the same name ends.
 * @param env the environment of config.ts.
 * @throws LaunchError `NO_TOKEN`
 */
export async function makeDemoToken(env: Readonly<Record<string, string | undefined>>): Promise<string> {
  const created = await tokens(['create', '--name', NAME, '--role', 'admin', '--json'], env);
  if (created.code === 0) return tokenOf(created.output);
  await tokens(['revoke', NAME], env);
  const again = await tokens(['create', '--name', NAME, '--role', 'admin', '--json'], env);
  if (again.code === 0) return tokenOf(again.output);
  throw new LaunchError('NO_TOKEN', `The first token could not be made: ${again.output.trim()}`);
}

const tokens = (args: readonly string[], env: Readonly<Record<string, string | undefined>>) =>
  execute(process.execPath, ['--disable-warning=ExperimentalWarning', join(ROOT, 'inference-server/src/cli/tokens.ts'), ...args], { cwd: ROOT, env, secret: true });

function tokenOf(output: string): string {
  const line = output.split('\n').find(each => each.startsWith('{')) ?? '{}';
  const { token } = JSON.parse(line) as { token?: string };
  if (!token) throw new LaunchError('NO_TOKEN', 'The command that makes tokens did not print one');
  return token;
}
