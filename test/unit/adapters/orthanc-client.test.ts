import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OrthancClient } from '../../../inference-server/src/adapters/orthanc-client.ts';
import type { StudyUid } from '../../../inference-server/src/domain/uid.ts';

/** Answers of Orthanc that a real one gives only after much trouble, by method and path. */
describe('what Orthanc says of its studies', () => {
  let answers: Record<string, unknown>;
  let server: Server;
  let orthanc: OrthancClient;
  const uid = '1.2.3' as StudyUid;
  beforeEach(async () => {
    answers = {};
    server = createServer((req, res) => {
      const answer = answers[`${req.method} ${req.url}`];
      req.resume().on('end', () => (answer === undefined ? res.writeHead(404).end() : res.end(typeof answer === 'string' ? answer : JSON.stringify(answer))));
    }).listen(0, '127.0.0.1');
    await new Promise(resolve => server.once('listening', resolve));
    orthanc = new OrthancClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, patienceMs: 0 });
  });
  afterEach(async () => {
    await orthanc.close();
    server.close();
  });

  it('makes one study of no two patients that have the same StudyInstanceUID', async () => {
    answers['POST /tools/lookup'] = [{ Type: 'Study', ID: 'a' }, { Type: 'Study', ID: 'b' }];
    for (const id of ['a', 'b']) answers[`GET /studies/${id}/series`] = [];
    await expect(orthanc.findStudy(uid)).rejects.toMatchObject({ code: 'PATIENTS_MIXED', httpStatus: 422 });
  });

  it.each(['1.2.03', '../../etc/passwd', '', '1.2.3 or 1=1', `1.${'2'.repeat(64)}`])('leaves a study out of lists that has no valid UID: %s', async StudyInstanceUID => {
    answers['GET /studies/a'] = { ID: 'a', MainDicomTags: { StudyInstanceUID } };
    expect(await orthanc.listedStudy('a')).toBeUndefined();
  });

  it('finds earlier studies of a patient though one of them has no valid UID', async () => {
    const study = (ID: string, StudyInstanceUID: string) => ({ ID, MainDicomTags: { StudyInstanceUID }, PatientMainDicomTags: { PatientID: 'P' }, ParentPatient: 'p' });
    answers['POST /tools/lookup'] = [{ Type: 'Study', ID: 'a' }];
    answers['GET /studies/a'] = study('a', '1.2.3');
    answers['GET /patients/p/studies'] = [study('a', '1.2.3'), study('b', '1.2.03'), study('c', '1.2.4')];
    for (const id of ['a', 'b', 'c']) {
      answers[`GET /studies/${id}/series`] = [{ ID: id, MainDicomTags: { Modality: 'MR' }, Instances: [id] }];
      answers[`GET /instances/${id}/simplified-tags`] = {};
    }
    expect((await orthanc.studiesOfPatient(uid)).others.map(({ studyUid }) => studyUid)).toEqual(['1.2.4']);
  });

  it('looks for attributes of Enhanced MR, however deeply sequences are nested', async () => {
    const depth = 20_000;
    const nested = `${'{"A":['.repeat(depth)}{"EchoTime":"9"}${']}'.repeat(depth)}`;
    answers['POST /tools/lookup'] = [{ Type: 'Study', ID: 'a' }];
    answers['GET /studies/a/series'] = [{ ID: 's', MainDicomTags: { Modality: 'MR', SeriesInstanceUID: '1.2.3.4' } }];
    answers['GET /series/s/instances'] = [{ ID: 'i', MainDicomTags: { SOPInstanceUID: '1.2.3.4.5' } }];
    answers['GET /instances/i/simplified-tags'] = `{"SharedFunctionalGroupsSequence":[{"MRTimingAndRelatedParametersSequence":[{"RepetitionTime":"500"}],"Deep":[${nested}]}]}`;
    const { series: [series] } = await orthanc.findStudy(uid);
    expect(series!.attributes).toMatchObject({ repetitionTimeMs: 500, echoTimeMs: null });
  });
});
