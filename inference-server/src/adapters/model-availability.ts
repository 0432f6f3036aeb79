import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { filesOf } from '../domain/manifest.ts';
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
    const state = (await Promise.all(filesOf(model.manifest).map(async ({ file, sha256 }) => {
      const { mtimeMs, size, ino } = await stat(join(model.folder, file)).catch(() => ({ mtimeMs: 0, size: 0, ino: 0 }));
      return [sha256, mtimeMs, size, ino].join(' ');
    }))).join('\n');
    let known = this.#checked.get(model.folder);
    if (known?.state !== state) {
      known = { state, outcome: this.#models.read(model).then(() => undefined) };
      known.outcome.catch(() => undefined);
      this.#checked.set(model.folder, known);
    }
    await known.outcome;
  }
}
