import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { Random } from '../../demo/src/phantom/random.ts';
import { enhancedMrFile, mrFiles, transcoded } from '../support/mr-files.ts';
import { mutateDicom } from './mutate-dicom.ts';

export interface DicomFinding {
  readonly n: number;
  readonly how: string;
  readonly what: string;
  readonly bytes: Uint8Array;
}
export interface DicomFuzz {
  readonly files: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly slowestMs: number;
  readonly mostMemoryMb: number;
  readonly findings: readonly DicomFinding[];
}

/** A file may take this long, and the process that reads it this much memory, whatever the file says. */
export const LIMIT_MS = 30_000;
export const LIMIT_MB = 2_000;
/** Of what is mutated: each way in which pixels are stored. */
const SYNTAXES = ['1.2.840.10008.1.2', '1.2.840.10008.1.2.2', '1.2.840.10008.1.2.5', '1.2.840.10008.1.2.4.70', '1.2.840.10008.1.2.4.80', '1.2.840.10008.1.2.4.90'];

/** Reads `count` mutated files, each by its own seed, in a process that is replaced when it dies. */
export async function fuzzDicom(count: number, seed: number): Promise<DicomFuzz> {
  const others = mrFiles('others').slice(1);
  const [plain] = mrFiles('others');
  const bases = [plain!, plain!, enhancedMrFile(), ...await Promise.all(SYNTAXES.map(syntax => transcoded(plain!, syntax)))];
  const outcomes: Record<string, number> = {};
  const findings: DicomFinding[] = [];
  let [slowestMs, mostMemoryMb] = [0, 0];
  const target = new Target();
  for (let n = 0; n < count; n++) {
    const random = new Random(seed * 1_000_003 + n);
    const { how, bytes } = mutateDicom(bases[n % bases.length]!, random);
    const begin = performance.now();
    const { outcome, memoryMb } = await target.read(bytes, others);
    slowestMs = Math.max(slowestMs, performance.now() - begin);
    mostMemoryMb = Math.max(mostMemoryMb, memoryMb);
    const bad = outcome.startsWith('not foreseen') || outcome.startsWith('died') || outcome === 'hung' || memoryMb > LIMIT_MB;
    if (bad) findings.push({ n, how, what: memoryMb > LIMIT_MB ? `${memoryMb} MB` : outcome, bytes });
    const name = bad ? 'bad' : outcome;
    outcomes[name] = (outcomes[name] ?? 0) + 1;
    if (memoryMb > LIMIT_MB) target.replace();
  }
  target.replace();
  return { files: count, outcomes, slowestMs: Math.round(slowestMs), mostMemoryMb, findings };
}

export class Target {
  #child: ChildProcess | undefined;

  read(bytes: Uint8Array, others: readonly Uint8Array[]): Promise<{ outcome: string; memoryMb: number }> {
    const child = this.#child ??= fork(join(import.meta.dirname, 'dicom-target.ts'), {
      serialization: 'advanced', stdio: ['ignore', 'ignore', 'ignore', 'ipc'], execArgv: ['--disable-warning=ExperimentalWarning', '--max-old-space-size=1024'],
    });
    return new Promise(resolve => {
      const end = (answer: { outcome: string; memoryMb: number }) => {
        clearTimeout(timer);
        child.off('message', end).off('exit', died);
        resolve(answer);
      };
      const died = (code: number | null, signal: string | null) => {
        this.#child = undefined;
        end({ outcome: `died by ${signal ?? code}`, memoryMb: 0 });
      };
      const timer = setTimeout(() => {
        child.off('exit', died);
        this.replace();
        end({ outcome: 'hung', memoryMb: 0 });
      }, LIMIT_MS);
      child.on('message', end).on('exit', died);
      child.send({ bytes, others });
    });
  }

  replace(): void {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }
}
