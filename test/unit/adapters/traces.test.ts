import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { statisticsListener } from '../../../inference-server/src/adapters/count-runs.ts';
import { openDatabase, type Database } from '../../../inference-server/src/adapters/database.ts';
import { RunRepository } from '../../../inference-server/src/adapters/run-repository.ts';
import { openTraces } from '../../../inference-server/src/adapters/traces.ts';
import { endARun } from '../../support/ended-runs.ts';

interface Attribute { key: string; value: Record<string, unknown> }
interface Span { traceId: string; spanId: string; parentSpanId?: string; name: string; startTimeUnixNano: string; endTimeUnixNano: string; attributes: Attribute[]; status: { code?: number; message?: string } }
interface Sent { resourceSpans: { resource: { attributes: Attribute[] }; scopeSpans: { spans: Span[] }[] }[] }

describe('the traces of runs', () => {
  let collector: Server;
  let url: string;
  let sent: { path: string; body: string }[];
  let db: Database;
  let runs: RunRepository;

  beforeEach(async () => {
    sent = [];
    collector = createServer((req, res) => {
      let body = '';
      req.setEncoding('utf8').on('data', text => { body += text; }).on('end', () => {
        sent.push({ path: req.url!, body });
        res.setHeader('Content-Type', 'application/json').end('{}');
      });
    });
    await new Promise<void>(resolve => { collector.listen(0, '127.0.0.1', resolve); });
    url = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
    db = await openDatabase('sqlite::memory:');
    runs = new RunRepository(db, statisticsListener);
  });
  afterEach(async () => {
    await db.destroy();
    collector.closeAllConnections();
    await new Promise(resolve => collector.close(resolve));
  });

  const spans = () => sent.flatMap(({ body }) => (JSON.parse(body) as Sent).resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(scope => scope.spans)));
  const ms = (nanoseconds: string) => Number(BigInt(nanoseconds) / 1_000_000n);

  it('have a span for the wait and for every stage, one after the other, below that of the run', async () => {
    const traces = openTraces(url, 'worker');
    const run = await endARun(runs);
    traces.ended(run);
    await traces.close();
    expect(sent.map(({ path }) => path)).toEqual(['/v1/traces']);
    const all = spans();
    const root = all.find(({ name }) => name === 'run')!;
    expect([ms(root.startTimeUnixNano), ms(root.endTimeUnixNano)]).toEqual([Date.parse(run.queuedAt), Date.parse(run.finishedAt!)]);
    expect(root.parentSpanId).toBeUndefined();
    const below = all.filter(({ parentSpanId }) => parentSpanId === root.spanId).toSorted((a, b) => ms(a.startTimeUnixNano) - ms(b.startTimeUnixNano));
    expect(below.map(({ name }) => name)).toEqual(['queue', ...Object.keys(run.secondsPerStage)]);
    for (const { name, startTimeUnixNano, endTimeUnixNano } of below.slice(1)) {
      expect(ms(endTimeUnixNano) - ms(startTimeUnixNano)).toBeCloseTo(run.secondsPerStage[name as 'infer']! * 1000, -1);
    }
  });

  it('say of a failed run with which code it failed', async () => {
    const traces = openTraces(url, 'worker');
    traces.ended(await endARun(runs, { state: 'failed' }));
    await traces.close();
    const root = spans().find(({ name }) => name === 'run')!;
    expect(root.status).toEqual({ code: 2, message: 'SERIES_MISSING' });
    expect(root.attributes).toContainEqual({ key: 'error.type', value: { stringValue: 'SERIES_MISSING' } });
  });

  it('are the same trace at gateway and worker, which know nothing of each other', async () => {
    const [worker, gateway] = [openTraces(url, 'worker'), openTraces(url, 'gateway')];
    const run = await endARun(runs);
    worker.ended(run);
    gateway.told(run.id, 1_000, 2_000);
    await worker.close();
    await gateway.close();
    const [root, told] = ['run', 'publish to MLflow'].map(wanted => spans().find(({ name }) => name === wanted)!);
    expect([told!.traceId, told!.parentSpanId]).toEqual([root!.traceId, root!.spanId]);
    expect(new Set(spans().map(({ traceId }) => traceId)).size).toBe(1);
  });

  it('carry nothing of the patient', async () => {
    const traces = openTraces(url, 'worker');
    const run = await endARun(runs);
    traces.ended(run);
    await traces.close();
    for (const secret of [run.patientPseudonym, run.responsiblePhysician, run.studyInstanceUid]) expect(sent[0]!.body).not.toContain(secret);
  });

  it('hold nobody up when the collector is not there', async () => {
    const traces = openTraces('http://127.0.0.1:9', 'worker');
    traces.ended(await endARun(runs));
    await traces.close();
    expect(sent).toEqual([]);
  }, 60_000);
});
