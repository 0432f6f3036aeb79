/** Our mode of OHIF with a study open. */
export const viewerHref = (studyInstanceUid: string): string => `/cerebloom?StudyInstanceUIDs=${studyInstanceUid}`;
