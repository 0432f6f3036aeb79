import { openDatabase } from '../adapters/database.ts';
import { readRouting, RoutingFileError } from '../adapters/routing-file.ts';
import { RoutingRepository } from '../adapters/routing-repository.ts';
import { type Config, databaseUrl, readConfig } from '../config.ts';
import { openModels, openOrthanc } from '../context.ts';
import { explainRule, firstRule, type ExplainedCondition, type RoutingRule } from '../domain/routing.ts';
import { parseUid } from '../domain/uid.ts';
import { contentOfImages, explainSelection } from '../flow/watch-orthanc.ts';
import { parse, runCommand, UsageError } from './run-command.ts';

const USAGE = `What routing.json would do with a study in Orthanc, and why; nothing is started or changed.

  npm run route -- explain <StudyInstanceUID> [--json]
  npm run route -- check [--json]     whether the rules can be read, and their models are there
`;
const PATIENCE_MS = 5_000;

interface Explanation {
  readonly study: string;
  readonly rules: readonly { readonly name: string; readonly decides: boolean; readonly conditions: readonly ExplainedCondition[] }[];
  readonly rule: string | null;
  readonly action: 'segment' | 'skip';
  readonly reason: string | null;
  readonly destination: string | null;
  /** Orthanc has seen no new image of it for a while; before that nothing is decided. */
  readonly stable: boolean;
  /** What was decided on exactly these images. */
  readonly decided: { readonly rule: string; readonly action: string; readonly runId: string | null } | null;
}

async function explain(config: Config, study: string): Promise<Explanation> {
  const routing = readRouting(config.ROUTING_FILE);
  const uid = parseUid('study', study);
  const orthanc = openOrthanc(config, PATIENCE_MS);
  const db = await openDatabase(databaseUrl(config));
  try {
    const header = await orthanc.studyHeader(uid);
    const found = await orthanc.findStudy(uid);
    const tags = await orthanc.representativeTags(header.orthancId);
    const rule = firstRule(routing, tags);
    const content = contentOfImages(found);
    const decided = content === null ? undefined : await new RoutingRepository(db).decision(uid, content);
    const refused = rule?.action === 'segment' ? await refusalOf(config, rule, found) : rule?.reason ?? 'No routing rule is about this study';
    const reason = content === null ? 'The study has no images: what is made of images never starts a run' : refused;
    return {
      study,
      rules: routing.rules.map(each => ({ name: each.name, decides: each === rule, conditions: explainRule(each, tags) })),
      rule: rule?.name ?? null, action: reason === null ? 'segment' : 'skip', reason, destination: rule?.destination ?? null, stable: header.stable,
      decided: decided ? { rule: decided.rule, action: decided.action, runId: decided.run_id } : null,
    };
  } finally {
    await Promise.allSettled([orthanc.close(), db.destroy()]);
  }
}

async function refusalOf(config: Config, rule: RoutingRule, study: Parameters<typeof explainSelection>[0]): Promise<string | null> {
  const { manifest } = await openModels(config).find(rule.model ?? config.DEFAULT_MODEL);
  return explainSelection(study, manifest, rule.requires);
}

async function check(config: Config): Promise<{ rules: string[] }> {
  const { rules } = readRouting(config.ROUTING_FILE);
  for (const { model } of rules) await openModels(config).find(model ?? config.DEFAULT_MODEL);
  return { rules: rules.map(({ name }) => name) };
}

function inWords({ study, rules, rule, action, reason, destination, stable, decided }: Explanation): string {
  const lines = [`Study ${study}`];
  for (const { name, decides, conditions } of rules) {
    lines.push(`${decides ? '→' : ' '} rule "${name}"${conditions.length ? '' : ' (holds always)'}`);
    for (const { keyword, condition, value, holds } of conditions) {
      lines.push(`    ${holds ? 'yes' : 'no '}  ${keyword}: wants ${JSON.stringify(condition)}, is ${value === undefined ? 'absent' : JSON.stringify(value)}`);
    }
    if (decides) break;
  }
  lines.push(`${rule === null ? 'No rule holds' : `Rule "${rule}" decides`}: ${action}${reason === null ? '' : ` (${reason})`}${action === 'segment' && destination !== null ? `, results go to ${destination}` : ''}`);
  if (!stable) lines.push('Orthanc does not call the study stable yet: nothing is decided before.');
  if (decided) lines.push(`Already decided on these images: ${decided.action} by rule "${decided.rule}"${decided.runId ? `, run ${decided.runId}` : ''}; nothing happens again before other images come.`);
  return `${lines.join('\n')}\n`;
}

async function main(args: string[]): Promise<void> {
  const { values, positionals } = parse({ args, allowPositionals: true, options: { json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } } });
  const [command, study] = positionals;
  if (values.help || !command) {
    process.stdout.write(USAGE);
    return;
  }
  const config = readConfig(process.env);
  if (command === 'check') {
    const checked = await check(config);
    process.stdout.write(values.json ? `${JSON.stringify(checked)}\n` : `${config.ROUTING_FILE} is good: ${checked.rules.join(', ')}\n`);
  } else if (command === 'explain') {
    if (!study) throw new UsageError('Which study? Give its StudyInstanceUID');
    const explanation = await explain(config, study);
    process.stdout.write(values.json ? `${JSON.stringify(explanation, null, 2)}\n` : inWords(explanation));
  } else {
    throw new UsageError(`Unknown command ${command}`);
  }
}

await runCommand(main, error => (error instanceof RoutingFileError ? error.message : undefined));
