import { useState } from 'react';
import type { Run, RunResult } from '../../inference-server/src/contract/runs.ts';
import { copyText } from './copy-text.ts';
import { fetchInstance, saveFile } from './download.ts';
import { ApiError } from './inference-api.ts';
import { explain, MESSAGES } from './messages.ts';
import type { Language } from './messages.ts';
import { reportCsv, reportText } from './report-text.ts';

interface Props {
  readonly language: Language;
  readonly run: Run;
  readonly result: RunResult;
}

/** Takes the result along: as text for the reader's own report, as DICOM, as a table. */
export function ReportActions({ language, run, result }: Props) {
  const messages = MESSAGES[language];
  const [said, setSaid] = useState('');
  const copy = async () => setSaid(await copyText(reportText(language, run, result)) ? messages.copied : messages.notCopied);
  const saveDicom = async (name: string, seriesUid: string, instanceUid: string) => {
    setSaid('');
    try {
      saveFile(`${name}.dcm`, (await fetchInstance(run.studyInstanceUid, seriesUid, instanceUid)).slice(), 'application/dicom');
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const { what, next } = explain(language, error.code, error.status);
      setSaid(`${what} ${next}`);
    }
  };
  return (
    <div className="cb-stack">
      <div className="cb-row" role="group" aria-label={messages.takeAlong}>
        <button type="button" className="cb-button cb-wide" onClick={() => void copy()} aria-keyshortcuts="Shift+C" title="Shift+C" data-cy="cerebloom-copy">{messages.copyReport}</button>
        <button type="button" className="cb-button" onClick={() => void saveDicom('segmentation', result.segSeriesUid, result.segInstanceUid)} title={messages.downloadSeg} data-cy="cerebloom-seg">SEG</button>
        <button type="button" className="cb-button" onClick={() => void saveDicom('report', result.srSeriesUid, result.srInstanceUid)} title={messages.downloadSr} data-cy="cerebloom-sr">SR</button>
        <button type="button" className="cb-button" onClick={() => saveFile('measurements.csv', reportCsv(result), 'text/csv')} title={messages.downloadCsv} data-cy="cerebloom-csv">CSV</button>
      </div>
      <p className="cb-note" role="status">{said}</p>
    </div>
  );
}
