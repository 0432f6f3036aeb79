import { afterEach, describe, expect, it, vi } from 'vitest';
import { authorizeBy, createRun, followRun, getRun } from '../../../extension/src/inference-api.ts';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const answering = (status: number, body: string) => {
  const fetch = vi.fn(async () => new Response(body, { status }));
  vi.stubGlobal('fetch', fetch);
  return fetch;
};

describe('a request to the server', () => {
  it('says that it comes from the viewer', async () => {
    const fetch = answering(202, '{"id":"run-1"}');
    await createRun({ studyInstanceUid: '1.2.3', series: { t1: '1.2.3.4' } });
    const [url, init] = fetch.mock.calls[0] as unknown as [string, RequestInit];
    expect([url, init.method, JSON.parse(init.body as string)]).toEqual(['/api/v1/runs', 'POST', { studyInstanceUid: '1.2.3', series: { t1: '1.2.3.4' }, trigger: 'viewer' }]);
  });

  it('carries the token of a viewer that signs in by itself, and follows a run by it', async () => {
    authorizeBy(() => ({ Authorization: 'Bearer a-token' }));
    const run = { state: 'completed', stage: null, progress: 1, queuePosition: null, etaSeconds: null, error: null };
    const fetch = answering(200, JSON.stringify({ id: 'run-1', ...run }));
    const seen: object[] = [];
    followRun('run-1', { onEvent: event => seen.push(event), onConnection: () => undefined });
    await vi.waitFor(() => expect(seen).toEqual([run]));
    authorizeBy(() => undefined);
    const [url, init] = fetch.mock.calls[0] as unknown as [string, RequestInit];
    expect([url, (init.headers as Record<string, string>).authorization]).toEqual(['/api/v1/runs/run-1', 'Bearer a-token']);
  });

  it('fails with the code and the words of the server', async () => {
    answering(422, JSON.stringify({ code: 'SERIES_MISSING', detail: 'The study has no t1ce series' }));
    await expect(getRun('run-1')).rejects.toMatchObject({ status: 422, code: 'SERIES_MISSING', message: 'The study has no t1ce series' });
  });

  it('fails with the HTTP status where something else than the server answers', async () => {
    answering(504, '<html>Gateway Timeout</html>');
    await expect(getRun('run-1')).rejects.toMatchObject({ status: 504, code: 'HTTP_504' });
  });

  it('says that the server does not answer', async () => {
    vi.stubGlobal('fetch', async () => { throw new TypeError('Failed to fetch'); });
    await expect(getRun('run-1')).rejects.toMatchObject({ status: 0, code: 'SERVER_UNREACHABLE' });
  });
});

/** A stand-in for the browser's, which Node has not. */
class FakeEventSource {
  static readonly CLOSED = 2;
  static opened: FakeEventSource[] = [];
  readyState = 0;
  onopen?: () => void;
  onmessage?: (message: { data: string }) => void;
  onerror?: () => void;
  readonly url: string;
  constructor(url: string) {
    this.url = url;
    FakeEventSource.opened.push(this);
  }
  close() { this.readyState = FakeEventSource.CLOSED; }
}

describe('following a run', () => {
  const follow = () => {
    vi.useFakeTimers();
    FakeEventSource.opened = [];
    vi.stubGlobal('EventSource', FakeEventSource);
    const listener = { onEvent: vi.fn(), onConnection: vi.fn() };
    return { listener, stop: followRun('run-1', listener) };
  };

  it('passes events on', () => {
    const { listener } = follow();
    FakeEventSource.opened[0]!.onmessage!({ data: '{"state":"running"}' });
    expect(listener.onEvent).toHaveBeenCalledWith({ state: 'running' });
  });

  it('opens the stream again after the server refused it', () => {
    const { listener } = follow();
    const [first] = FakeEventSource.opened;
    first!.close();
    first!.onerror!();
    expect(listener.onConnection).toHaveBeenCalledWith(false);
    vi.runAllTimers();
    expect(FakeEventSource.opened).toHaveLength(2);
  });

  it('leaves it to the browser where only the network failed', () => {
    follow();
    FakeEventSource.opened[0]!.onerror!();
    vi.runAllTimers();
    expect(FakeEventSource.opened).toHaveLength(1);
  });

  it('does not come back once stopped', () => {
    const { stop } = follow();
    const [first] = FakeEventSource.opened;
    first!.close();
    first!.onerror!();
    stop();
    vi.runAllTimers();
    expect(FakeEventSource.opened).toHaveLength(1);
  });
});
