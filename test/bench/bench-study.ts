import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeDemoStudy } from '../../demo/src/make-demo-study.ts';
import { readHeader, readSlices } from '../../inference-server/src/dicom/read-instance.ts';
import { buildVolume, type BuiltVolume } from '../../inference-server/src/steps/build-volume.ts';
import { sharedFolder } from '../support/shared-data.ts';
import { skipped } from './bench-result.ts';

const CASE = join(sharedFolder, 'data/brats-gli-00000');

/** A study of four series on disk, and the label file that a peer can read; null where the real case is absent. */
export interface BenchStudy {
  readonly root: string;
  /** One folder per series. */
  readonly folders: readonly string[];
  readonly truth: string | null;
  readonly remove: () => void;
}

/** The real case of 4 × 155 slices where it is there, else the phantom; as DICOM in a temporary folder. */
export async function aBenchStudy(): Promise<BenchStudy> {
  const real = existsSync(CASE);
  const root = mkdtempSync(join(tmpdir(), 'cerebloom-bench-'));
  const count = new Map<string, number>();
  for await (const { bytes } of makeDemoStudy(real ? { caseDir: CASE } : {})) {
    const { seriesUid } = readHeader(bytes);
    const folder = join(root, seriesUid);
    if (!count.has(folder)) mkdirSync(folder);
    const number = (count.get(folder) ?? 0) + 1;
    count.set(folder, number);
    writeFileSync(join(folder, `${String(number).padStart(4, '0')}.dcm`), bytes);
  }
  return { root, folders: [...count.keys()], truth: real ? join(CASE, 'seg.nii.gz') : null, remove: () => rmSync(root, { recursive: true, force: true }) };
}

/** Files of a series to its volume. */
export async function readVolume(folder: string): Promise<BuiltVolume> {
  const slices = [];
  for (const name of readdirSync(folder)) slices.push(...await readSlices(readFileSync(join(folder, name))));
  return buildVolume(slices);
}

/**
 * Runs a peer once after its own warm-up; undefined where it is not installed.
 * @param variable the environment variable that names its Python. @returns its JSON answer.
 */
export function askPeer(script: string, args: readonly string[], variable = 'CEREBLOOM_PEERS_PYTHON'): { seconds: number[] } & Record<string, unknown> | undefined {
  const python = process.env[variable];
  const path = join(sharedFolder, 'peers', script);
  if (!python || !existsSync(path)) {
    skipped(script, python ? 'the peers are absent (set CEREBLOOM_SHARED)' : `set ${variable} to a Python with its packages`);
    return undefined;
  }
  return JSON.parse(execFileSync(python, [path, ...args, '--repeats', '1'], { encoding: 'utf8', maxBuffer: 1 << 24 }));
}
