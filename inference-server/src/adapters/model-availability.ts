import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelStore, StoredModel } from './model-store.ts';

/** Whether models could run, for those who ask often: a file of hundreds of megabytes is hashed again only after it changed. */
export class ModelAvailability {
  readonly #models: ModelStore;
  readonly #checked = new Map<string, { readonly state: string; readonly outcome: Promise<unknown> }>();

  constructor(models: ModelStore) {
    this.#models = models;
  }

  /** @throws ModelError `MODEL_FILE_MISSING`, `MODEL_CHECKSUM` */
  async check(model: StoredModel): Promise<void> {
    const file = join(model.folder, model.manifest.file);
    const { mtimeMs, size, ino } = await stat(file).catch(() => ({ mtimeMs: 0, size: 0, ino: 0 }));
    const state = [model.manifest.sha256, mtimeMs, size, ino].join(' ');
    let known = this.#checked.get(file);
    if (known?.state !== state) {
      known = { state, outcome: this.#models.read(model).then(() => undefined) };
      known.outcome.catch(() => undefined);
      this.#checked.set(file, known);
    }
    await known.outcome;
  }
}
