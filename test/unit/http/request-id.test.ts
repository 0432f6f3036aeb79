import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { logFile } from '../../../inference-server/src/adapters/logger.ts';
import { aGateway } from '../../support/unit-app.ts';

describe('the id of a request', () => {
  let gateway: Awaited<ReturnType<typeof aGateway>>;
  beforeAll(async () => { gateway = await aGateway(); });
  afterAll(async () => { await gateway.stop(); });
  const idOf = async (given?: string) => (await fetch(`${gateway.url}/health/live`, { headers: given === undefined ? {} : { 'X-Request-Id': given } })).headers.get('X-Request-Id');

  it('is in every answer, and another one each time', async () => {
    const [one, another] = [await idOf(), await idOf()];
    expect(one).toMatch(/^[0-9a-f-]{36}$/);
    expect(another).not.toBe(one);
  });

  it('is that of the proxy before us, unless it could be mistaken for something else in a log', async () => {
    expect(await idOf('proxy-7.1')).toBe('proxy-7.1');
    expect(await idOf('a"},{"msg":"forged')).toMatch(/^[0-9a-f-]{36}$/);
    expect(await idOf('x'.repeat(65))).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('is in the lines that are logged while it is answered, however deep', async () => {
    const broken = gateway.context.runs.list;
    gateway.context.runs.list = async () => { throw new Error('a fault of ours'); };
    try {
      const answer = await fetch(`${gateway.url}/api/v1/runs`, { headers: { Authorization: `Bearer ${gateway.tokens.reader}`, 'X-Request-Id': 'find-me' } });
      expect(answer.status).toBe(500);
    } finally {
      gateway.context.runs.list = broken;
    }
    const lines = readFileSync(logFile(gateway.home), 'utf8').trim().split('\n').map(line => JSON.parse(line) as Record<string, unknown>);
    expect(lines.find(({ msg }) => msg === 'unexpected error')).toMatchObject({ requestId: 'find-me' });
  });
});
