import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import express from 'express';
import { afterEach, describe, expect, it } from 'vitest';
import { mayTakeLong, refuseSlowBodies } from '../../../inference-server/src/http/bodies.ts';
import { aNewRun } from '../../support/runs.ts';
import { aGateway } from '../../support/unit-app.ts';

let server: Server;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** Sends the head and half of a body, and looks for a while whether the connection stays. */
async function halfABody(path: string, after: (socket: ReturnType<typeof connect>) => void = () => undefined): Promise<'closed' | 'open'> {
  const { port } = server.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1', () => {
    socket.write(`POST ${path} HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\n12345`);
    after(socket);
  });
  socket.on('error', () => undefined).resume();
  const closed = new Promise<'closed'>(resolve => socket.once('close', () => resolve('closed')));
  const open = new Promise<'open'>(resolve => setTimeout(() => resolve('open'), 1_500).unref());
  const state = await Promise.race([closed, open]);
  socket.destroy();
  return state;
}

async function aServer(): Promise<void> {
  const app = express();
  app.use(refuseSlowBodies(200));
  app.post('/refused', (_req, res) => void res.status(401).end());
  app.post('/upload', (req, res) => {
    mayTakeLong(req);
    req.resume().on('end', () => res.end());
  });
  app.post('/read', (req, res) => req.resume().on('end', () => res.end()));
  server = createServer(app).listen(0, '127.0.0.1');
  await new Promise(resolve => server.once('listening', resolve));
}

describe('a body that comes slowly', () => {
  it.each([['/read', 'closed'], ['/refused', 'closed'], ['/upload', 'open']])('at %s leaves the connection %s', async (path, state) => {
    await aServer();
    expect(await halfABody(path)).toBe(state);
  });

  it('that came whole in time leaves the connection open', async () => {
    await aServer();
    expect(await halfABody('/read', socket => void socket.write('67890'))).toBe('open');
  });
});

describe('a hostile body or address', () => {
  it.each([
    ['brackets in each other', `{"studyInstanceUid":${'['.repeat(10_000)}${']'.repeat(10_000)}}`, 'nested more than'],
    ['braces in each other', '{"a":'.repeat(5_000), 'nested more than'],
    ['NUL in a text', '{"decision":"rejected","comment":"a\\u0000b"}', 'NUL'],
  ])('with %s is refused before it is looked at', async (_, body, why) => {
    const gateway = await aGateway();
    for (const path of ['/api/v1/runs', '/api/v1/runs/x/review']) {
      const answer = await fetch(gateway.url + path, { method: 'POST', body, headers: { Authorization: `Bearer ${gateway.tokens.admin}`, 'Content-Type': 'application/json' } });
      expect([answer.status, (await answer.json() as { detail: string }).detail]).toEqual([400, expect.stringContaining(why)]);
    }
    await gateway.stop();
  });

  it('with brackets in a text is none', async () => {
    const gateway = await aGateway();
    const body = JSON.stringify({ decision: 'rejected', comment: `${'['.repeat(1_000)} "quoted\\" [` });
    const answer = await fetch(`${gateway.url}/api/v1/runs/x/review`, { method: 'POST', body, headers: { Authorization: `Bearer ${gateway.tokens.admin}`, 'Content-Type': 'application/json' } });
    expect((await answer.json() as { code: string }).code).toBe('RUN_NOT_FOUND');
    await gateway.stop();
  });

  it.each(['/api/v1/runs/%00', '/api/v1/runs?before=%00', '/plugins/%00.js', '/viewer?x=%00'])('with NUL is refused: %s', async path => {
    const gateway = await aGateway();
    expect((await fetch(gateway.url + path, { headers: { Authorization: `Bearer ${gateway.tokens.reader}` } })).status).toBe(400);
    await gateway.stop();
  });
});

describe('the events of a run', () => {
  it('end when the token of who follows them is revoked', async () => {
    const gateway = await aGateway();
    const { run } = await gateway.context.runs.enqueue(aNewRun(), Date.now());
    for (const lastSeen of ['99999999999999999999', 'Infinity', '-1', 'x']) {
      const token = await gateway.context.tokens.create(`follower ${lastSeen}`, 'reader', null);
      const answer = await fetch(`${gateway.url}/api/v1/runs/${run.id}/events`, { headers: { Authorization: `Bearer ${token}`, 'Last-Event-ID': lastSeen } });
      const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
      let heard = '';
      while (!heard.includes('queued')) heard += (await reader.read()).value;
      if (lastSeen !== 'x') {
        await reader.cancel();
        continue;
      }
      await gateway.context.tokens.revoke(`follower ${lastSeen}`);
      while (!(await reader.read()).done);
    }
    await gateway.stop();
  }, 30_000);
});
