import { createServer, request, type IncomingMessage } from 'node:http';

/** Stands before a real server and cuts the connections of the requests that it is told to. */
export async function aFaultyProxy(target: string) {
  let cut: (req: IncomingMessage) => boolean = () => false;
  const seen: string[] = [];
  const server = createServer((req, res) => {
    seen.push(`${req.method} ${req.url}`);
    if (cut(req)) {
      req.socket.destroy();
      return;
    }
    const outgoing = request(target + req.url, { method: req.method, headers: req.headers }, answer => {
      res.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(res);
    });
    outgoing.on('error', () => res.destroy());
    req.pipe(outgoing);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    /** Method and path of every request so far. */
    seen,
    cut(which: (req: IncomingMessage) => boolean) {
      cut = which;
    },
    heal() {
      cut = () => false;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}
