import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ModelAvailability } from '../../../inference-server/src/adapters/model-availability.ts';
import { ModelStore, type StoredModel } from '../../../inference-server/src/adapters/model-store.ts';

let folder: string;
let store: ModelStore;
let model: StoredModel;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'availability-'));
  store = new ModelStore([folder]);
  const sha256 = createHash('sha256').update('the model').digest('hex');
  model = { folder, added: null, manifest: { id: 'a-model', version: '1.0.0', file: 'model.onnx', sha256 } } as unknown as StoredModel;
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the availability of a model', () => {
  it('is known again as soon as its file comes, changes or goes', async () => {
    const availability = new ModelAvailability(store);
    await expect(availability.check(model)).rejects.toMatchObject({ code: 'MODEL_FILE_MISSING' });
    writeFileSync(join(folder, 'model.onnx'), 'the model');
    await expect(availability.check(model)).resolves.toBeUndefined();
    writeFileSync(join(folder, 'model.onnx'), 'another one');
    await expect(availability.check(model)).rejects.toMatchObject({ code: 'MODEL_CHECKSUM' });
    rmSync(join(folder, 'model.onnx'));
    await expect(availability.check(model)).rejects.toMatchObject({ code: 'MODEL_FILE_MISSING' });
  });

  it('costs one reading of a file that stays as it is', async () => {
    writeFileSync(join(folder, 'model.onnx'), 'the model');
    const read = vi.spyOn(store, 'read');
    const availability = new ModelAvailability(store);
    for (let n = 0; n < 3; n++) await availability.check(model);
    expect(read).toHaveBeenCalledTimes(1);
  });
});
