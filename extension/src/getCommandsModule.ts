import type { TumourSession } from './tumour-session.ts';

export const getCommandsModule = (session: TumourSession) => ({
  definitions: {
    segmentTumour: { commandFn: () => session.segment() },
    cancelRun: { commandFn: () => session.cancel() },
    showResult: { commandFn: () => session.showResult() },
    toggleTumourOverlay: { commandFn: () => session.toggleOverlay() },
    toggleTumourOutline: { commandFn: () => session.toggleOutline() },
    nextTumourPart: { commandFn: () => session.jumpAlong(1) },
    previousTumourPart: { commandFn: () => session.jumpAlong(-1) },
    acceptResult: { commandFn: () => session.review.accept() },
    editResult: { commandFn: () => session.review.edit() },
    rejectResult: { commandFn: () => session.review.askForReason(true) },
    undoReview: { commandFn: () => session.review.undo() },
    saveCorrection: { commandFn: () => session.review.save() },
    discardCorrection: { commandFn: () => session.review.discard() },
    copyReport: { commandFn: () => session.copyReport() },
    toggleTumourMpr: { commandFn: () => session.togglePlanes() },
    toggleUncertainty: { commandFn: () => session.toggleUncertainty() },
    jumpToDiameters: { commandFn: () => session.jumpToDiameters() },
    compareWithPrior: { commandFn: () => session.compareWithLatest() },
    identifySeries: { commandFn: ({ studyInstanceUid }: { studyInstanceUid: string }) => session.identifySeries(studyInstanceUid) },
  },
  defaultContext: 'CORNERSTONE',
});
