import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { underLoad, type LoadResult } from '../load/under-load.ts';
import { anOrthanc, hasOrthanc, TestServer } from '../support/server.ts';
import { allFiles, aSmallStudy, sendTo } from '../support/small-study.ts';

/** The long form, with figures: `npm run bench -- load`. */
describe.skipIf(!hasOrthanc)('under load', () => {
  let load: LoadResult;
  beforeAll(async () => {
    load = await underLoad({ database: 'sqlite', studies: 4, models: 8, clients: 100, rate: 200, seconds: 4 });
  });

  it('every run ends completed', () => {
    expect(load.runs.filter(({ state }) => state !== 'completed')).toEqual([]);
    expect(load.runs).toHaveLength(33);
  });

  it('every client that follows a run sees its end', () => {
    expect(load.streams).toEqual({ completed: 100, faults: [] });
  });

  it('every request for statistics is answered', () => {
    expect(load.statistics.failed).toBe(0);
    expect(load.statistics.answered).toBeGreaterThan(200);
  });

  it('runs are taken in the order in which they were asked for, an urgent one before those that wait', () => {
    const started = (id: string) => Date.parse(load.runs.find(run => run.id === id)!.startedAt!);
    const order = load.asked.map(started);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(load.waitingBeforeUrgent.length).toBeGreaterThan(5);
    for (const id of load.waitingBeforeUrgent) expect(started(load.urgent)).toBeLessThanOrEqual(started(id));
  });

  it('the gateway takes little memory for it', () => {
    expect(load.gatewayMiB.most - load.gatewayMiB.before).toBeLessThan(250);
  });
});

describe.skipIf(!hasOrthanc)('what is more than there is room for', () => {
  let orthanc: Awaited<ReturnType<typeof anOrthanc>>;
  let server: TestServer;
  const studies = Array.from({ length: 4 }, (_, n) => aSmallStudy(`for a short queue ${n}`));
  beforeAll(async () => {
    orthanc = await anOrthanc();
    for (const study of studies.slice(0, 3)) await sendTo(orthanc.url, allFiles(study));
    server = await TestServer.start({ ORTHANC_URL: orthanc.url, QUEUE_LIMIT: '2', UPLOADS_AT_ONCE: '2' });
  });
  afterAll(async () => {
    await server?.stop();
    await orthanc?.remove();
  });

  const refused = async (answer: Response) => [answer.status, Number(answer.headers.get('Retry-After')) > 0, (await answer.json() as { code: string }).code];

  it('is refused by the queue with the time after which to ask again, and taken once there is room', async () => {
    const first = await server.request({ studyInstanceUid: studies[0]!.uid });
    expect(first.status).toBe(202);
    expect((await server.request({ studyInstanceUid: studies[1]!.uid })).status).toBe(202);
    expect(await refused(await server.request({ studyInstanceUid: studies[2]!.uid }))).toEqual([503, true, 'QUEUE_FULL']);
    // what is known already takes no room
    expect((await server.request({ studyInstanceUid: studies[1]!.uid })).status).toBe(200);
    await server.api(`${first.headers.get('Location')}/cancel`, { method: 'POST' });
    expect((await server.request({ studyInstanceUid: studies[2]!.uid })).status).toBe(202);
  });

  it('is refused of uploads that come at the same time, and taken once one is done', async () => {
    const type = 'multipart/related; type="application/dicom"; boundary=b';
    const part = (bytes: Uint8Array) => Buffer.concat([Buffer.from('--b\r\nContent-Type: application/dicom\r\n\r\n'), bytes, Buffer.from('\r\n--b--\r\n')]);
    const send = (body: BodyInit) => server.api('/dicom-web/studies', { method: 'POST', headers: { 'Content-Type': type }, body, duplex: 'half', role: 'service' } as RequestInit & { role: 'service' });
    const [image, other] = allFiles(studies[3]!);
    const open: (() => void)[] = [];
    const slow = [0, 1].map(() => send(new ReadableStream({
      start(controller) {
        const bytes = part(image!);
        controller.enqueue(bytes.subarray(0, 100));
        open.push(() => { controller.enqueue(bytes.subarray(100)); controller.close(); });
      },
    })));
    await expect.poll(async () => refused(await send(part(other!))), { timeout: 20_000 }).toEqual([503, true, 'TOO_MANY_UPLOADS']);
    for (const finish of open) finish();
    expect((await Promise.all(slow)).map(({ status }) => status)).toEqual([200, 200]);
    await expect.poll(async () => (await send(part(other!))).status, { timeout: 20_000 }).toBe(200);
  });
});
