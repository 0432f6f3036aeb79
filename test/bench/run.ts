import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readHeader } from '../../inference-server/src/dicom/read-instance.ts';
import { freePort, startOrthanc } from '../../launch/services.ts';
import { lacks, sharedFolder } from '../support/shared-data.ts';
import { aBenchStudy, askPeer } from './bench-study.ts';
import { median, skipped, type Bench, type BenchResult } from './bench-result.ts';
import type { RunTime } from './run-process.ts';

const DEEPMEDIC = 'models/deepmedic-captk/model.onnx';
const ROUNDS = 3;
const MOST_GIB = 2.5;
const MOST_OF_DEEPMEDIC = 1 / 3;

/** Whole runs, from DICOM in a real Orthanc to SEG and SR there: against ONNX Runtime's part, and against reading and writing by the peers. */
export const bench: Bench = async () => {
  const study = await aBenchStudy();
  const orthanc = await startOrthanc({ home: study.root, httpPort: await freePort(), dicomPort: await freePort() });
  try {
    const files = study.folders.flatMap(folder => readdirSync(folder).map(name => join(folder, name)));
    for (const file of files) {
      const answer = await fetch(`${orthanc.url}/instances`, { method: 'POST', body: readFileSync(file) });
      if (!answer.ok) throw new Error(`Orthanc answered ${answer.status} to an instance`);
    }
    const { studyUid } = readHeader(readFileSync(files[0]!));
    const env = { ...process.env, ORTHANC_URL: orthanc.url, CEREBLOOM_HOME: study.root };
    const ours = await defaultModel(study, studyUid, env);
    return [...ours.results, ...await deepMedic(studyUid, env, ours.inferSeconds)];
  } finally {
    await orthanc.stop();
    study.remove();
  }
};

async function defaultModel({ root, folders, truth }: Awaited<ReturnType<typeof aBenchStudy>>, studyUid: string, env: NodeJS.ProcessEnv): Promise<{ results: BenchResult[]; inferSeconds: number }> {
  const computer = await aProcess([studyUid], env);
  const [ours, theirs]: [RunTime[], number[]] = [[], []];
  try {
    await computer.run(); // the peers discard their first time too
    for (let round = 0; round < ROUNDS; round++) {
      ours.push(await computer.run());
      const reading = truth && (round === 0 || theirs.length > 0) ? askPeer('series_read.py', [...folders, '--engine', 'simpleitk']) : undefined;
      const writing = reading && askPeer('seg_write.py', [folders[0]!, truth!, join(root, 'peer-seg.dcm'), '--engine', 'highdicom']);
      if (reading && writing) theirs.push(median(reading.seconds) + median(writing.seconds));
    }
  } finally {
    computer.stop();
  }
  const whole = median(ours.map(time => time.seconds));
  const besides = median(ours.map(time => time.seconds - time.onnxSeconds));
  const peak = ours.at(-1)!.peakGiB;
  tellStages('default model', ours.at(-1)!);
  const limit = '≤ 3 × (SimpleITK reading + highdicom writing)';
  const compared = theirs.length > 0 ? { against: median(theirs), ratio: besides / median(theirs), limit, holds: besides <= 3 * median(theirs) } : { limit, holds: true };
  const results = [
    { name: 'run, default model', value: whole, unit: 's', holds: true },
    { name: 'run, default model, all but ONNX Runtime', value: besides, unit: 's', ...compared },
    { name: 'run, memory of the process', value: peak, unit: 'GiB', limit: `≤ ${MOST_GIB} GiB`, holds: peak <= MOST_GIB },
  ];
  return { results, inferSeconds: median(ours.map(({ stages }) => stages.infer!)) };
}

async function deepMedic(studyUid: string, env: NodeJS.ProcessEnv, inferSeconds: number): Promise<BenchResult[]> {
  const absent = lacks(DEEPMEDIC);
  if (absent) {
    skipped('run with DeepMedic', absent);
    return [];
  }
  const computer = await aProcess([studyUid, 'models/recipes/deepmedic-captk.json', join(sharedFolder, DEEPMEDIC)], env);
  try {
    const time = await computer.run();
    tellStages('DeepMedic', time);
    const ratio = time.seconds / time.onnxSeconds;
    const share = inferSeconds / time.stages.infer!;
    return [
      { name: 'run, default model, inference beside DeepMedic', value: inferSeconds, unit: 's', against: time.stages.infer!, ratio: share, limit: '≤ a third', holds: share <= MOST_OF_DEEPMEDIC },
      { name: 'run, DeepMedic', value: time.seconds, unit: 's', against: time.onnxSeconds, ratio, limit: '≤ 1.2 × its own ONNX Runtime', holds: ratio <= 1.2 },
      { name: 'run, DeepMedic, memory of the process', value: time.peakGiB, unit: 'GiB', limit: `≤ ${MOST_GIB} GiB`, holds: time.peakGiB <= MOST_GIB },
    ];
  } finally {
    computer.stop();
  }
}

async function aProcess(args: readonly string[], env: NodeJS.ProcessEnv) {
  const child = fork(join(import.meta.dirname, 'run-process.ts'), args, { env, execArgv: ['--disable-warning=ExperimentalWarning'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const answer = async (): Promise<unknown> => {
    const [message] = await Promise.race([once(child, 'message'), once(child, 'exit').then(() => { throw new Error('The process that computes ended'); })]);
    return message;
  };
  await answer();
  return {
    async run(): Promise<RunTime> {
      child.send('run');
      return await answer() as RunTime;
    },
    stop: () => { child.kill(); },
  };
}

const tellStages = (what: string, { stages }: RunTime): void => {
  process.stderr.write(`${what}: ${Object.entries(stages).map(([stage, seconds]) => `${stage} ${seconds.toFixed(2)} s`).join(', ')}\n`);
};
