import { describe, expect, it, vi } from 'vitest';
import type { ChildProcess, Exit } from '../../../launch/child-process.ts';
import type { LaunchError } from '../../../launch/launch-error.ts';
import { Supervisor } from '../../../launch/supervisor.ts';

interface FakeChild extends ChildProcess {
  end(exit: Exit): void;
}

/** A part whose processes end when the test says so. */
function aPart(name: string, log: string[] = []) {
  const started: FakeChild[] = [];
  return {
    started,
    part: {
      spawn: async () => {
        const { promise, resolve } = Promise.withResolvers<Exit>();
        const child: FakeChild = {
          name, pid: 0, logFile: `${name}.log`, exited: promise, end: resolve,
          stop: async () => { log.push(`stop ${name}`); resolve({ code: 0, signal: null }); },
        };
        started.push(child);
        return child;
      },
      ready: async () => {},
    },
  };
}

function aSupervisor() {
  const said: string[] = [];
  const onGivingUp = vi.fn<(error: LaunchError) => void>();
  return { said, onGivingUp, supervisor: new Supervisor({ say: sentence => said.push(sentence), onGivingUp, firstPauseMs: 1 }) };
}

const CRASH: Exit = { code: 1, signal: null };

describe('the supervisor', () => {
  it('starts a part again when it ends, and says so', async () => {
    const { supervisor, said } = aSupervisor();
    const { part, started } = aPart('worker');
    await supervisor.keep(part);
    started[0]!.end({ code: null, signal: 'SIGKILL' });
    await vi.waitFor(() => expect(said).toEqual([expect.stringMatching(/^worker ended by SIGKILL; it starts again in .*worker\.log/), 'worker runs again']));
    expect(started).toHaveLength(2);
  });

  it('gives up on a part that ends four times within a minute, naming its log', async () => {
    const { supervisor, onGivingUp } = aSupervisor();
    const { part, started } = aPart('worker');
    await supervisor.keep(part);
    for (let n = 0; n < 4; n++) {
      await vi.waitFor(() => expect(started).toHaveLength(n + 1));
      started[n]!.end(CRASH);
    }
    await vi.waitFor(() => expect(onGivingUp).toHaveBeenCalledOnce());
    expect(onGivingUp.mock.calls[0]![0]).toMatchObject({ code: 'PART_KEEPS_ENDING', message: expect.stringContaining('worker.log') });
    expect(started).toHaveLength(4);
  });

  it('stops the parts in the reverse of the order they were started in', async () => {
    const { supervisor } = aSupervisor();
    const log: string[] = [];
    for (const name of ['orthanc', 'gateway', 'worker']) await supervisor.keep(aPart(name, log).part);
    await supervisor.stop();
    expect(log).toEqual(['stop worker', 'stop gateway', 'stop orthanc']);
  });

  it('does not start a part again that ended because everything stops', async () => {
    const { supervisor, said } = aSupervisor();
    const { part, started } = aPart('worker');
    await supervisor.keep(part);
    await supervisor.stop();
    expect([started.length, said]).toEqual([1, []]);
  });

  it('starts nothing any more once it stops', async () => {
    const { supervisor } = aSupervisor();
    await supervisor.stop();
    await expect(supervisor.keep(aPart('late').part)).rejects.toMatchObject({ code: 'STOPPING' });
  });

  it('counts a part that never becomes ready after a restart as one that ended', async () => {
    const { supervisor, onGivingUp } = aSupervisor();
    const { part, started } = aPart('gateway');
    let first = true;
    await supervisor.keep({ ...part, ready: async () => { if (!first) throw new Error('hangs'); first = false; } });
    started[0]!.end(CRASH);
    await vi.waitFor(() => expect(onGivingUp).toHaveBeenCalledOnce());
  });
});
