import { Router } from 'express';
import type { OrthancClient } from '../adapters/orthanc-client.ts';
import type { RunRepository } from '../adapters/run-repository.ts';
import { RequestError } from '../domain/errors.ts';
import { parseUid, type StudyUid } from '../domain/uid.ts';
import type { PriorAlignment } from '../flow/align-prior.ts';
import { findPriors } from '../flow/find-priors.ts';
import { requires } from './access.ts';
import { existingRun } from './runs.ts';

interface PriorsRouterDeps {
  readonly orthanc: Pick<OrthancClient, 'studiesOfPatient'>;
  readonly runs: RunRepository;
  readonly alignment: PriorAlignment;
}

/** Earlier results of the same patient, and how to see them beside the present one. */
export function priorsRouter(deps: PriorsRouterDeps): Router {
  const router = Router();
  router.get('/studies/:uid/priors', requires('view'), async (req, res) => {
    res.set('Cache-Control', 'no-store').json(await findPriors(deps, parseUid('study', req.params.uid as string)));
  });

  router.get('/runs/:id/registration/:prior', requires('view'), async (req, res) => {
    const run = await existingRun(deps.runs, req.params.id as string);
    const prior = await existingRun(deps.runs, req.params.prior as string);
    const { results } = await findPriors(deps, run.studyInstanceUid as StudyUid);
    if (!results.some(({ runId }) => runId === prior.id)) throw new RequestError('NOT_A_PRIOR', 409, 'The other run is no result on an earlier study of the same patient');
    res.json(await deps.alignment.align(run, prior));
  });
  return router;
}
