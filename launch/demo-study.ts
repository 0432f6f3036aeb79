/**
 * Puts the demo study into Orthanc. A process of its own, because computing the phantom takes seconds in which the
 * supervisor must stay awake: demo-study.ts ORTHANC_URL [CASE_FOLDER]
 */
import { makeDemoStudy } from '../demo/src/make-demo-study.ts';

const AT_ONCE = 4;

async function load(orthancUrl: string, caseDir: string | undefined): Promise<void> {
  const sending = new Set<Promise<void>>();
  for await (const { bytes } of makeDemoStudy({ caseDir })) {
    const sent = store(orthancUrl, bytes).finally(() => sending.delete(sent));
    sending.add(sent);
    if (sending.size >= AT_ONCE) await Promise.race(sending);
  }
  await Promise.all(sending);
}

async function store(orthancUrl: string, bytes: Uint8Array): Promise<void> {
  const answer = await fetch(`${orthancUrl}/instances`, { method: 'POST', body: bytes as Uint8Array<ArrayBuffer>, headers: { 'Content-Type': 'application/dicom' } });
  if (!answer.ok) throw new Error(`Orthanc did not take an instance of the demo study (${answer.status})`);
  await answer.arrayBuffer();
}

const [orthancUrl, caseDir] = process.argv.slice(2);
try {
  await load(orthancUrl!, caseDir);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
