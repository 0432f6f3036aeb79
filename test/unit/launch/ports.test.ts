import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort, processListeningOn, readPort, requireFreePorts } from '../../../launch/ports.ts';

let server: Server | undefined;
afterEach(() => new Promise<void>(resolve => { if (server) server.close(() => resolve()); else resolve(); server = undefined; }));

async function aTakenPort(): Promise<number> {
  const port = await freePort();
  server = createServer();
  await new Promise<void>(resolve => { server!.listen(port, '127.0.0.1', resolve); });
  return port;
}

describe('a port that a part wants', () => {
  it('is refused when taken, naming the port, its variable and the process that has it', async () => {
    const port = await aTakenPort();
    const wanted = { part: 'MLflow', variable: 'MLFLOW_PORT', port, host: '127.0.0.1' };
    await expect(requireFreePorts([wanted])).rejects.toMatchObject({
      code: 'PORT_TAKEN', message: expect.stringMatching(new RegExp(`Port ${port} for MLflow is taken by .*\\(process ${process.pid}\\).*MLFLOW_PORT=`)),
    });
  });

  it('is refused on every interface when it is taken on loopback', async () => {
    const port = await aTakenPort();
    await expect(requireFreePorts([{ part: 'Orthanc', variable: 'ORTHANC_PORT', port, host: '0.0.0.0' }])).rejects.toMatchObject({ code: 'PORT_TAKEN' });
  });

  it('is accepted when free', async () => {
    await expect(requireFreePorts([{ part: 'MLflow', variable: 'MLFLOW_PORT', port: await freePort(), host: '127.0.0.1' }])).resolves.toBeUndefined();
  });

  it('is refused when two parts want the same', async () => {
    const port = await freePort();
    const wanted = ['PORT', 'MLFLOW_PORT'].map(variable => ({ part: variable, variable, port, host: '127.0.0.1' }));
    await expect(requireFreePorts(wanted)).rejects.toMatchObject({ code: 'PORT_USED_TWICE', message: expect.stringContaining('PORT and MLFLOW_PORT') });
  });

  it.each(['0', '65536', '80.5', 'http', '-1'])('is refused when it is no port number: %s', text => {
    expect(() => readPort('PORT', text, 8000)).toThrow(/PORT must be a port number/);
  });

  it.each([[undefined, 8000], ['', 8000], ['9000', 9000]])('is read from %s as %d', (text, port) => {
    expect(readPort('PORT', text, 8000)).toBe(port);
  });
});

describe('finding who listens', () => {
  it('answers nothing for a port where nobody does', async () => {
    expect(processListeningOn(await freePort())).toBeUndefined();
  });
});
