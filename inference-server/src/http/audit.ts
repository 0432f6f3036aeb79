import { Router } from 'express';
import type { AuditLog } from '../adapters/audit-log.ts';
import { AuditQuery, type AuditPage } from '../contract/audit.ts';
import { addressOf, callerOf, requires } from './access.ts';

/** Who did what, for administrators; that they looked is a line too. */
export function auditRouter({ audit }: { readonly audit: AuditLog }): Router {
  const router = Router();
  router.get('/audit', requires('administer'), async (req, res) => {
    const { from, to, limit, ...filter } = AuditQuery.parse(req.query);
    const found = await audit.search({ ...filter, fromMs: from === undefined ? undefined : Date.parse(from), toMs: to === undefined ? undefined : Date.parse(to), limit: limit + 1 });
    const { name, role } = callerOf(req);
    await audit.write({ actor: name, role, address: addressOf(req), action: 'audit.search', outcome: 'success' });
    const shown = found.slice(0, limit);
    const page: AuditPage = {
      lines: shown.map(({ seq, at_ms, actor, role, address, action, object, outcome, detail }) => ({ seq, at: new Date(at_ms).toISOString(), actor, role, address, action, object, outcome, detail })),
      next: found.length > limit ? shown.at(-1)!.seq : null,
    };
    res.set('Cache-Control', 'no-store').json(page);
  });
  return router;
}
