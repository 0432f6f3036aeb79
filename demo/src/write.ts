import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makeDemoStudy } from './make-demo-study.ts';

/** `node demo/src/write.ts <folder> [--case <NIfTI case folder>]`: writes the demo study as DICOM files. */
const { values, positionals } = parseArgs({ allowPositionals: true, options: { case: { type: 'string' } } });
const [folder] = positionals;
if (folder === undefined || positionals.length > 1) {
  console.error('Usage: node demo/src/write.ts <folder> [--case <folder with t1n, t1c, t2w, t2f .nii.gz>]');
  process.exit(1);
}
await mkdir(folder, { recursive: true });
let count = 0;
for await (const { sopInstanceUid, bytes } of makeDemoStudy({ caseDir: values.case })) {
  await writeFile(join(folder, `${sopInstanceUid}.dcm`), bytes);
  count++;
}
console.log(`${count} files written to ${folder}`);
