import { Router } from 'express';
import type { StudySeries } from '../contract/studies.ts';
import { SEQUENCES, type Series } from '../domain/study.ts';
import { parseUid } from '../domain/uid.ts';
import type { StudyDirectory } from '../flow/ports.ts';
import { selectSeries } from '../steps/select-series.ts';
import { requires } from './access.ts';

interface StudiesDeps {
  readonly studies: StudyDirectory;
}

export function studiesRouter(deps: StudiesDeps): Router {
  const router = Router();
  router.get('/studies/:uid/series', requires('view'), async (req, res) => {
    const uid = parseUid('study', req.params.uid as string);
    const study = await deps.studies.findStudy(uid);
    const { used, identities } = selectSeries(study, []);
    const answer: StudySeries = {
      studyInstanceUid: uid, used, missing: SEQUENCES.filter(sequence => !used[sequence]),
      series: study.series.map(series => {
        const { kind, confidence, reasons, used: isUsed } = identities.find(identity => identity.uid === series.uid)!;
        return {
          seriesInstanceUid: series.uid, seriesNumber: series.attributes.seriesNumber, description: series.attributes.seriesDescription,
          images: series.instances.length, middleInstanceUid: middleInstance(series)?.uid ?? null, kind, confidence, reasons: [...reasons], used: isUsed,
        };
      }),
    };
    res.json(answer);
  });
  return router;
}

/** By instance number: scanners count along the slices. */
function middleInstance({ instances }: Series) {
  return [...instances].sort((a, b) => (a.instanceNumber ?? 0) - (b.instanceNumber ?? 0))[Math.floor(instances.length / 2)];
}
