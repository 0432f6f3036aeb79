import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AuditPage } from '../../../inference-server/src/contract/audit.ts';
import type { Role } from '../../../inference-server/src/domain/access.ts';
import { aGateway } from '../../support/unit-app.ts';

describe('the audit log by HTTP', () => {
  let gateway: Awaited<ReturnType<typeof aGateway>>;
  beforeAll(async () => {
    gateway = await aGateway();
    for (const n of [1, 2, 3, 4]) await gateway.context.audit.write({ actor: n % 2 ? 'odd' : 'even', role: 'reader', address: null, action: 'study.view', object: `1.2.${n}`, outcome: 'success' });
  });
  afterAll(() => gateway.stop());
  const get = (query: string, role: Role = 'admin') => fetch(`${gateway.url}/api/v1/audit${query}`, { headers: { Authorization: `Bearer ${gateway.tokens[role]}` } });
  const lines = async (query: string) => AuditPage.strict().parse(await (await get(query)).json());

  it('is searched by an administrator alone', async () => {
    for (const role of ['reader', 'radiologist', 'service'] as const) expect((await get('', role)).status).toBe(403);
    expect((await get('')).status).toBe(200);
  });

  it('finds lines by actor, action, object, outcome and time', async () => {
    expect((await lines('?actor=odd&action=study.view')).lines.map(({ object }) => object)).toEqual(['1.2.3', '1.2.1']);
    expect((await lines('?object=1.2.4')).lines).toHaveLength(1);
    expect((await lines('?outcome=failure')).lines).toEqual([]);
    expect((await lines('?action=study.view&to=2000-01-01')).lines).toEqual([]);
    expect((await lines('?action=study.view&from=2000-01-01T00:00:00Z')).lines).toHaveLength(4);
  });

  it('comes in pages', async () => {
    const first = await lines('?action=study.view&limit=3');
    expect(first.lines).toHaveLength(3);
    expect((await lines(`?action=study.view&limit=3&before=${first.next}`)).lines.map(({ object }) => object)).toEqual(['1.2.1']);
  });

  it('has a line of who looked at it', async () => {
    await get('?actor=odd');
    expect((await lines('?action=audit.search&limit=1')).lines[0]).toMatchObject({ actor: 'the-admin', role: 'admin', outcome: 'success' });
  });

  it('refuses a search that it does not know', async () => {
    for (const query of ['?actor=a&actor=b', '?who=a', '?from=yesterday', '?limit=0']) expect([query, (await get(query)).status]).toEqual([query, 400]);
  });
});
