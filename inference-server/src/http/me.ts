import { Router } from 'express';
import type { Me } from '../contract/callers.ts';
import { may, PERMISSIONS } from '../domain/access.ts';
import { callerOf } from './access.ts';

/** Who asks, and what they may do: pages show only what is of use to them. */
export function meRouter(): Router {
  const router = Router();
  router.get('/me', (req, res) => {
    const { name, role } = callerOf(req);
    const me: Me = { name, role, permissions: PERMISSIONS.filter(permission => may(role, permission)) };
    res.set('Cache-Control', 'no-store').json(me);
  });
  return router;
}
