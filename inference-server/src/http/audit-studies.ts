import type { Request, RequestHandler } from 'express';
import type { AuditLine, AuditLog } from '../adapters/audit-log.ts';
import { addressOf, callerOf } from './access.ts';

/** A viewer asks for one study by hundreds of requests: the same access by the same asker is one line in this time. */
const SAME_ACCESS_MS = 15 * 60_000;
const WHOLE = /^\/(?:studies\/[0-9.]+(?:\/series\/[0-9.]+)?|instances\/[0-9.]+)(?:\/archive)?\/?$/;
const ONE_INSTANCE = /^\/(?:studies\/[0-9.]+\/)?(?:series\/[0-9.]+\/)?instances\/[0-9.]+\/?$/;

/** Writes who looks at, takes away and brings which study; before the answer, so that nothing is seen without a line. */
export function auditStudies(audit: AuditLog, now: () => number): RequestHandler {
  const seen = new Map<string, number>();
  return async (req, res, next) => {
    const { name, role } = callerOf(req);
    const object = /^\/studies\/([0-9.]+)/.exec(req.path)?.[1] ?? null;
    const line = (action: AuditLine['action'], outcome: AuditLine['outcome'], detail?: string): AuditLine =>
      ({ actor: name, role, address: addressOf(req), action, object, outcome, ...(detail !== undefined && { detail }) });
    if (req.method === 'POST') {
      res.once('close', () => void audit.write(line('study.store', res.statusCode < 300 ? 'success' : 'failure', String(res.statusCode))).catch(next));
      return next();
    }
    const action = takesAway(req) ? 'study.export' : 'study.view';
    const access = JSON.stringify([name, action, object]);
    const at = now();
    if (at - (seen.get(access) ?? -Infinity) >= SAME_ACCESS_MS) {
      for (const [other, since] of seen) if (at - since >= SAME_ACCESS_MS) seen.delete(other);
      await audit.write(line(action, 'success', object === null ? 'search' : undefined));
      seen.set(access, at);
    }
    next();
  };
}

/** Whole DICOM objects; a single one that our own pages ask for is looked at (the viewer reads a SEG that way). */
function takesAway(req: Request): boolean {
  if (ONE_INSTANCE.test(req.path)) return req.get('Sec-Fetch-Site') !== 'same-origin';
  return WHOLE.test(req.path);
}
