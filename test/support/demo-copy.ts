import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeDemoStudy } from '../../demo/src/make-demo-study.ts';
import { deriveUid } from '../../inference-server/src/domain/uid.ts';

/**
 * Writes the demo study (or a few of its series) under other UIDs, so that a test has it for itself.
 * @param change.seriesNumbers (0020,0011) of the series to write; all where absent.
 * @param change.institution where absent it stays that of the demo: no rule segments the study when it arrives.
 * @returns the StudyInstanceUID.
 */
export async function writeDemoCopy(
  folder: string, name: string, { seriesNumbers, institution }: { seriesNumbers?: readonly number[]; institution?: string } = {},
): Promise<string> {
  const study = deriveUid('study', 'demo-copy', name, folder);
  const filesOf = new Map<string, string[]>();
  mkdirSync(folder, { recursive: true });
  for await (const { bytes, sopInstanceUid } of makeDemoStudy()) {
    const number = textOf(bytes, 0x11).trim();
    if (seriesNumbers && !seriesNumbers.includes(Number(number))) continue;
    const file = join(folder, `${sopInstanceUid}.dcm`);
    writeFileSync(file, bytes);
    filesOf.set(number, [...filesOf.get(number) ?? [], file]);
  }
  for (const [number, files] of filesOf) {
    execFileSync('dcmodify', ['-nb', '-gin', '-m', `StudyInstanceUID=${study}`, '-m', `SeriesInstanceUID=${deriveUid('series', study, number)}`,
      '-m', `PatientID=${name}`, ...(institution ? ['-m', `InstitutionName=${institution}`] : []), ...files]);
  }
  return study;
}

export const filesIn = (folder: string): string[] => readdirSync(folder).map(file => join(folder, file));

/** Value of a short-form element of group 0020 in an explicit VR little endian file (PS3.5 §7.1.2). */
function textOf(bytes: Uint8Array, element: number): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = buffer.indexOf(Buffer.from([0x20, 0x00, element, 0x00, 'I'.charCodeAt(0), 'S'.charCodeAt(0)]));
  return buffer.toString('latin1', at + 8, at + 8 + buffer.readUInt16LE(at + 6));
}
