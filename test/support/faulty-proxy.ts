import { createServer, request, type IncomingMessage } from 'node:http';

/** Stands before a real server and cuts the connections of the requests that it is told to. */
export async function aFaultyProxy(target: string, { keepsHost = true }: { readonly keepsHost?: boolean } = {}) {
  let cut: (req: IncomingMessage) => boolean = () => false;
  let answers: (req: IncomingMessage) => { status: number; body: string } | undefined = () => undefined;
  let atAnswer: ((req: IncomingMessage) => Promise<void> | undefined) | undefined;
  const seen: string[] = [];
  const server = createServer((req, res) => {
    seen.push(`${req.method} ${req.url}`);
    if (cut(req)) {
      req.socket.destroy();
      return;
    }
    const own = answers(req);
    if (own) {
      req.resume().on('end', () => res.writeHead(own.status, { 'content-type': 'application/json' }).end(own.body));
      return;
    }
    const headers = keepsHost ? req.headers : { ...req.headers, host: new URL(target).host };
    const outgoing = request(target + req.url, { method: req.method, headers }, answer => {
      const fault = atAnswer?.(req);
      if (fault) {
        // the other side has done it, and whoever asked never hears of it
        answer.resume();
        atAnswer = undefined;
        void fault.finally(() => res.destroy());
        return;
      }
      res.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(res);
    });
    outgoing.on('error', () => res.destroy());
    res.on('close', () => outgoing.destroy());
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
    /** Answers such requests itself. */
    answer(which: (req: IncomingMessage) => boolean, status: number, body: string): void {
      answers = req => (which(req) ? { status, body } : undefined);
    },
    /** Once: when the answer to such a request is there, does this instead of passing it on. */
    onAnswer(which: (req: IncomingMessage) => boolean, fault: () => Promise<void>): void {
      atAnswer = req => (which(req) ? fault() : undefined);
    },
    heal() {
      cut = () => false;
      answers = () => undefined;
      atAnswer = undefined;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}
