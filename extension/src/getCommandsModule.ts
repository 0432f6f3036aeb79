import type { TumourSession } from './tumour-session.ts';

export const getCommandsModule = (session: TumourSession) => ({
  definitions: {
    segmentTumour: { commandFn: () => session.segment() },
    cancelRun: { commandFn: () => session.cancel() },
    showResult: { commandFn: () => session.showResult() },
    identifySeries: { commandFn: ({ studyInstanceUid }: { studyInstanceUid: string }) => session.identifySeries(studyInstanceUid) },
  },
  defaultContext: 'CORNERSTONE',
});
