import { Router, type Request, type RequestHandler } from 'express';
import type { AuditLog } from '../adapters/audit-log.ts';
import { isUid } from '../domain/uid.ts';
import { addressOf, callerOf } from './access.ts';

/** A viewer asks for one study by hundreds of requests: the same access by the same asker is one line in this time. */
const SAME_ACCESS_MS = 15 * 60_000;
const WHOLE = /^\/(?:studies\/[0-9.]+(?:\/series\/[0-9.]+)?|instances\/[0-9.]+)(?:\/archive)?\/?$/;
const ONE_INSTANCE = /^\/(?:studies\/[0-9.]+\/)?(?:series\/[0-9.]+\/)?instances\/[0-9.]+\/?$/;

type Access = 'study.view' | 'study.export';

/** Writes who has access to what, once for many requests; before the answer, so that nothing is seen without a line. */
function accessWriter(audit: AuditLog): (req: Request, action: Access, object: string | null, detail?: string) => Promise<void> {
  const seen = new Map<string, number>();
  return async (req, action, object, detail) => {
    const { name, role } = callerOf(req);
    const access = JSON.stringify([name, action, object, detail]);
    const at = performance.now();
    if (at - (seen.get(access) ?? -Infinity) < SAME_ACCESS_MS) return;
    for (const [other, since] of seen) if (at - since >= SAME_ACCESS_MS) seen.delete(other);
    await audit.write({ actor: name, role, address: addressOf(req), action, object, outcome: 'success', ...(detail !== undefined && { detail }) });
    seen.set(access, at);
  };
}

/** Who looks at, takes away and brings which study by DICOMweb. */
export function auditStudies(audit: AuditLog): RequestHandler {
  const write = accessWriter(audit);
  return async (req, res, next) => {
    const object = /^\/studies\/([0-9.]+)/.exec(req.path)?.[1] ?? null;
    if (req.method === 'POST') {
      const { name, role } = callerOf(req);
      res.once('close', () => void audit.write({
        actor: name, role, address: addressOf(req), action: 'study.store', object, outcome: res.statusCode < 300 ? 'success' : 'failure', detail: String(res.statusCode),
      }).catch(next));
      return next();
    }
    await write(req, takesAway(req) ? 'study.export' : 'study.view', object, object === null ? 'search' : undefined);
    next();
  };
}

/**
 * Who sees names, descriptions and pictures of patients by our own interface. By the patterns of the routes themselves, so that
 * an address that is written otherwise (capitals, encoded letters) and served all the same has its line too.
 */
export function auditViews(audit: AuditLog): Router {
  const write = accessWriter(audit);
  const router = Router();
  router.post('/work-list', async (req, _res, next) => {
    await write(req, 'study.view', null, 'work list');
    next();
  });
  for (const what of ['series', 'priors']) {
    router.get(`/studies/:uid/${what}`, async (req, _res, next) => {
      const uid = req.params.uid as string;
      if (isUid(uid)) await write(req, 'study.view', uid, what);
      next();
    });
  }
  for (const what of ['picture', 'uncertainty']) {
    router.get(`/runs/:id/${what}`, async (req, _res, next) => {
      const id = req.params.id as string;
      if (RUN_ID.test(id)) await write(req, 'study.view', id, what);
      next();
    });
  }
  return router;
}

const RUN_ID = /^[0-9a-f-]{36}$/;

/** Whole DICOM objects; a single one that our own pages ask for is looked at (the viewer reads a SEG that way). */
function takesAway(req: Request): boolean {
  if (ONE_INSTANCE.test(req.path)) return req.get('Sec-Fetch-Site') !== 'same-origin';
  return WHOLE.test(req.path);
}
