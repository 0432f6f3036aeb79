/** A process that reads hostile files as a run does, and says what became of each. */
import { readHeader, readSlices } from '../../inference-server/src/dicom/read-instance.ts';
import { readSourceHeader } from '../../inference-server/src/dicom/source-header.ts';
import { AppError } from '../../inference-server/src/domain/errors.ts';
import { buildVolume } from '../../inference-server/src/steps/build-volume.ts';

async function outcomeOf(bytes: Uint8Array, others: readonly Uint8Array[]): Promise<string> {
  const parts = [
    () => { readHeader(bytes); },
    () => { readSourceHeader(bytes); },
    async () => { buildVolume([...await readSlices(bytes), ...(await Promise.all(others.map(readSlices))).flat()]); },
  ];
  let outcome = 'read';
  for (const part of parts) {
    try {
      await part();
    } catch (error) {
      if (!(error instanceof AppError)) return `not foreseen: ${error instanceof Error ? `${error.stack}` : String(error)}`;
      outcome = error.code;
    }
  }
  return outcome;
}

process.on('message', ({ bytes, others }: { bytes: Uint8Array; others: Uint8Array[] }) => {
  outcomeOf(bytes, others).then(outcome => process.send!({ outcome, memoryMb: Math.round(process.memoryUsage().rss / 1e6) }));
});
process.on('disconnect', () => process.exit(0));
