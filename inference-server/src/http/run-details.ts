import { Router } from 'express';
import { readRunLog } from '../adapters/log-reader.ts';
import type { MlflowClient } from '../adapters/mlflow-client.ts';
import type { OrthancClient } from '../adapters/orthanc-client.ts';
import type { OutboxRepository } from '../adapters/outbox-repository.ts';
import type { PictureRepository } from '../adapters/picture-repository.ts';
import type { RunRecord, RunRepository } from '../adapters/run-repository.ts';
import type { RunDetails } from '../contract/run-details.ts';
import { RequestError } from '../domain/errors.ts';
import type { InstanceUid } from '../domain/uid.ts';
import { SEQUENCES } from '../domain/study.ts';
import { PICTURE } from '../flow/publish-runs.ts';
import { requires } from './access.ts';
import { existingRun } from './runs.ts';

interface RunDetailsDeps {
  readonly runs: RunRepository;
  readonly outbox: Pick<OutboxRepository, 'mlflowRunOf'>;
  readonly orthanc: Pick<OrthancClient, 'attachment'>;
  readonly mlflow: Pick<MlflowClient, 'experimentId' | 'getRun' | 'getArtifact'>;
  readonly config: { readonly CEREBLOOM_HOME: string };
  readonly pictures: PictureRepository;
}

const LOG_LINES = 500;

/** What one run's page shows beside the run itself. */
export function runDetailsRouter({ runs, outbox, orthanc, mlflow, config, pictures }: RunDetailsDeps): Router {
  const router = Router();

  router.get('/runs/:id/details', requires('view'), async (req, res) => {
    res.json(await detailsOf(await existingRun(runs, req.params.id as string)));
  });

  router.get('/runs/:id/picture', requires('view'), async (req, res) => {
    const { id } = await existingRun(runs, req.params.id as string);
    const picture = await pictures.find(id) ?? await publishedPicture(id);
    if (!picture) throw new RequestError('PICTURE_NOT_FOUND', 404, 'The run has no picture of its result');
    res.type('png').set('Cache-Control', 'private, max-age=3600').send(Buffer.from(picture));
  });

  router.get('/runs/:id/uncertainty', requires('view'), async (req, res) => {
    const { result } = await existingRun(runs, req.params.id as string);
    const kept = result && await orthanc.attachment(result.segInstanceUid as InstanceUid);
    if (!kept) throw new RequestError('UNCERTAINTY_NOT_FOUND', 404, 'The run has no map of its uncertainty; segment the study again to make one');
    // as it was written: its instance never changes
    res.type('json').set('Cache-Control', 'private, max-age=3600').send(Buffer.from(kept));
  });

  router.get('/runs/:id/log', requires('view'), async (req, res) => {
    const { id, queuedAt } = await existingRun(runs, req.params.id as string);
    res.json(await readRunLog(config.CEREBLOOM_HOME, id, Date.parse(queuedAt), LOG_LINES));
  });

  return router;

  async function detailsOf(run: RunRecord): Promise<RunDetails> {
    const published = await outbox.mlflowRunOf(run.id);
    // MLflow being down is no reason to show nothing
    const experiment = published && await mlflow.experimentId().catch(() => undefined);
    return {
      runId: run.id, patientPseudonym: run.patientPseudonym, responsiblePhysician: run.responsiblePhysician, attempts: run.attempts,
      supersededBy: run.supersededBy, destination: run.destination,
      inputs: run.identities.map(({ uid, kind, confidence, reasons }) => ({
        seriesInstanceUid: uid, usedAs: SEQUENCES.find(sequence => run.series[sequence] === uid) ?? null, kind, confidence, reasons: [...reasons],
      })),
      mlflowUrl: experiment ? `/mlflow/#/experiments/${experiment}/runs/${published}?workflowType=machine_learning` : null,
    };
  }

  async function publishedPicture(id: string): Promise<Uint8Array | undefined> {
    const published = await outbox.mlflowRunOf(id);
    const run = published === undefined ? undefined : await mlflow.getRun(published);
    return run && mlflow.getArtifact(run, PICTURE);
  }
}
