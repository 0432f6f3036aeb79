import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readInstallation, serverEnvironment } from '../../../launch/installation.ts';
import { ROOT } from '../../../launch/paths.ts';
import { mlflowEnvironment } from '../../../launch/services.ts';

interface ComposeService {
  readonly user?: string;
  readonly command?: readonly string[];
  readonly read_only?: boolean;
  readonly tmpfs?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly privileged?: boolean;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly ports?: readonly (string | { readonly host_ip?: string; readonly published: number | string; readonly target: number })[];
  readonly networks?: Readonly<Record<string, unknown>>;
  readonly volumes?: readonly string[];
  readonly environment?: Readonly<Record<string, string | null>>;
}
interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const folder = mkdtempSync(join(tmpdir(), 'cerebloom-compose-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What docker-compose makes of the file, with these variables and no `.env`. */
function composed(variables: Record<string, string>): Compose {
  const noVariables = join(folder, 'empty.env');
  writeFileSync(noVariables, '');
  return parse(execFileSync('docker-compose', ['--env-file', noVariables, 'config'], {
    cwd: ROOT, env: { PATH: process.env.PATH, HOME: process.env.HOME, ...variables }, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'],
  })) as Compose;
}

/** Compose versions write a port in different ways. */
const inWords = (port: NonNullable<ComposeService['ports']>[number]): string =>
  typeof port === 'string' ? port.replace('/tcp', '') : [port.host_ip, port.published, port.target].filter(part => part !== undefined).join(':');

const SECRETS = { ORTHANC_PASSWORD: 'orthanc-secret', PSEUDONYM_KEY: 'pseudonym-secret' };

describe.skipIf(!existsSync('/usr/bin/docker-compose'))('the compose file, as docker-compose reads it (skipped where it is not installed)', () => {
  const { services, networks, volumes } = existsSync('/usr/bin/docker-compose') ? composed(SECRETS) : { services: {}, networks: {}, volumes: {} };
  const each = Object.entries(services);

  it('has the parts that npm start runs, and PostgreSQL', () => {
    expect(Object.keys(services).sort()).toEqual(['gateway', 'mlflow', 'orthanc', 'postgres', 'worker']);
  });

  it('runs every part without root, capabilities or a writable root file system', () => {
    for (const [name, { user, read_only, cap_drop, security_opt, privileged, tmpfs }] of each) {
      expect({ name, root: !user || /^(0|root)\b/.test(user), read_only, cap_drop, security_opt, privileged, tmpfs: tmpfs?.some(mount => mount.startsWith('/tmp')) })
        .toEqual({ name, root: false, read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'], privileged: undefined, tmpfs: true });
    }
  });

  it('checks the health of every part', () => {
    expect(each.filter(([, { healthcheck }]) => !healthcheck?.test.length).map(([name]) => name)).toEqual([]);
  });

  it('publishes the gateway, on loopback, and the DICOM port, and nothing else', () => {
    const published = Object.fromEntries(each.filter(([, { ports }]) => ports?.length).map(([name, { ports }]) => [name, ports!.map(inWords)]));
    expect(published).toEqual({ gateway: ['127.0.0.1:8000:8000'], orthanc: ['4242:4242'] });
  });

  it('keeps MLflow, the database and the workers on a network without a way out', () => {
    expect(networks.inside?.internal).toBe(true);
    const outside = each.filter(([, service]) => Object.keys(service.networks ?? {}).some(name => name !== 'inside')).map(([name]) => name);
    expect(outside.sort()).toEqual(['gateway', 'orthanc']);
  });

  it('keeps all state in named volumes', () => {
    const mounts = each.flatMap(([, service]) => service.volumes ?? []).map(mount => mount.split(':')[0]!);
    expect([...new Set(mounts)].sort()).toEqual(Object.keys(volumes).sort());
  });

  it.each(Object.keys(SECRETS))('refuses to start without %s', secret => {
    expect(() => composed({ ...SECRETS, [secret]: '' })).toThrow(/openssl rand/);
  });

  it('gives gateway and worker what npm start gives them, and asks for tokens', () => {
    const bySupervisor = Object.keys(serverEnvironment(readInstallation({}), {}));
    for (const name of ['gateway', 'worker']) {
      expect(Object.keys(services[name]!.environment!)).toEqual(expect.arrayContaining(bySupervisor));
      expect(services[name]!.environment!.AUTH).toBe('token');
    }
  });

  it('keeps the index of Orthanc and the store of MLflow in PostgreSQL where .env says so, and in SQLite where it does not', () => {
    const scale = composed({ ...SECRETS, ORTHANC_INDEX: 'postgres', ORTHANC_DATABASE_URL: 'postgresql://postgres/orthanc', MLFLOW_DATABASE_URL: 'postgresql://postgres/mlflow' }).services;
    expect([scale.orthanc!.command!.at(-1), scale.orthanc!.environment!.ORTHANC_DATABASE_URL, scale.mlflow!.environment!._MLFLOW_SERVER_FILE_STORE])
      .toEqual(['/etc/cerebloom/postgres.json', 'postgresql://postgres/orthanc', 'postgresql://postgres/mlflow']);
    expect([services.orthanc!.command!.at(-1), services.mlflow!.environment!._MLFLOW_SERVER_FILE_STORE]).toEqual(['/etc/cerebloom/sqlite.json', expect.stringMatching(/^sqlite:/)]);
  });

  it('gives MLflow what npm start gives it', () => {
    expect(Object.keys(services.mlflow!.environment!)).toEqual(expect.arrayContaining(Object.keys(mlflowEnvironment('/', 1))));
  });
});

describe("the container's Orthanc", () => {
  const container = JSON.parse(readFileSync(join(ROOT, 'docker/orthanc.json'), 'utf8')) as Record<string, unknown>;

  it('asks everyone who reaches it over the network for the password', () => {
    expect(container).toMatchObject({ RemoteAccessAllowed: true, AuthenticationEnabled: true, RegisteredUsers: { cerebloom: '${ORTHANC_PASSWORD}' } });
  });
});
