import { describe, expect, it } from 'vitest';
import { showSegmentation } from '../../../extension/src/show-segmentation.ts';
import type { OhifHost } from '../../../extension/ohif.d.ts';

/** A viewer whose images never come, and which counts what it is asked to do. */
function anEmptyViewer() {
  const commands: string[] = [];
  const host = {
    servicesManager: { services: { viewportGridService: { getState: () => ({ viewports: new Map(), activeViewportId: '' }) } } },
    commandsManager: { runCommand: (name: string) => commands.push(name) },
  } as unknown as OhifHost;
  return { host, commands };
}

describe('showing a segmentation', () => {
  it('stops, and touches no viewport, when the reader leaves the study', async () => {
    const { host, commands } = anEmptyViewer();
    const leaving = new AbortController();
    const showing = showSegmentation(host, { studyInstanceUid: '1.2', segSeriesUid: '1.2.3', referenceSeriesUid: '1.2.4' }, leaving.signal);
    leaving.abort();
    await expect(showing).rejects.toMatchObject({ name: 'AbortError' });
    expect(commands).toEqual([]);
  });
});
