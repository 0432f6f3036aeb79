import { Router } from 'express';
import { FindWork } from '../contract/work-list.ts';
import { findWork, type WorkListDeps } from '../flow/work-list.ts';
import { requires } from './access.ts';

/**
 * What is searched for may be a patient's name, so it comes in the body: addresses are kept in histories and logs.
 * It changes nothing, and a reader may ask it.
 */
export function workListRouter(deps: WorkListDeps): Router {
  const router = Router();
  router.post('/work-list', requires('view'), async (req, res) => {
    res.set('Cache-Control', 'no-store').json(await findWork(deps, FindWork.parse(req.body ?? {})));
  });
  return router;
}
