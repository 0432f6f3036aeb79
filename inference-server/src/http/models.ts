import { Router } from 'express';
import type { ModelAvailability } from '../adapters/model-availability.ts';
import type { ModelStore, StoredModel } from '../adapters/model-store.ts';
import type { Model, ModelList } from '../contract/models.ts';
import type { QueueView } from '../flow/queue-view.ts';
import { requires } from './access.ts';

interface ModelsDeps {
  readonly models: ModelStore;
  readonly availability: ModelAvailability;
  readonly queue: Pick<QueueView, 'typicalSeconds'>;
  readonly config: { readonly DEFAULT_MODEL: string };
}

export function modelsRouter(deps: ModelsDeps): Router {
  const { models, availability, queue, config } = deps;
  const router = Router();
  router.get('/models', requires('view'), async (_req, res) => {
    const list: ModelList = { models: await Promise.all((await models.list()).map(toWire)) };
    res.json(list);
  });
  return router;

  async function toWire(stored: StoredModel): Promise<Model> {
    const { id, version, title, requires, licence, evaluation, calibration } = stored.manifest;
    const available = await availability.check(stored).then(() => true, () => false);
    return {
      id, version, title, default: id === config.DEFAULT_MODEL, available, requires, calibrated: calibration !== undefined, typicalSeconds: await queue.typicalSeconds(id), licence,
      card: await models.card(stored), evaluation,
    };
  }
}
