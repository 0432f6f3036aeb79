/** One line of the audit log, as its table has it. */
export interface AuditRecord {
  readonly at_ms: number;
  readonly actor: string;
  readonly role: string | null;
  readonly address: string | null;
  readonly action: string;
  readonly object: string | null;
  readonly outcome: string;
  readonly detail: string | null;
}

type Coded = readonly [code: string, meaning: string];
interface EventKind {
  readonly id: Coded;
  readonly type?: Coded;
  /** Create, Read, Update, Delete, Execute (PS3.15 Table A.5.2-1). */
  readonly code: 'C' | 'R' | 'U' | 'D' | 'E';
  readonly object: 'study' | 'run' | 'resource' | 'person';
}

/** Event ids of PS3.16 CID 400, event types of CID 401. */
const ACTIVITY: Coded = ['110100', 'Application Activity'];
const SECURITY: Coded = ['110113', 'Security Alert'];
const KINDS: Record<string, EventKind> = {
  'system.start': { id: ACTIVITY, type: ['110120', 'Application Start'], code: 'E', object: 'resource' },
  'system.stop': { id: ACTIVITY, type: ['110121', 'Application Stop'], code: 'E', object: 'resource' },
  'system.restore': { id: SECURITY, type: ['110131', 'Software Configuration'], code: 'U', object: 'resource' },
  'sign-in': { id: ['110114', 'User Authentication'], type: ['110122', 'Login'], code: 'E', object: 'person' },
  'sign-out': { id: ['110114', 'User Authentication'], type: ['110123', 'Logout'], code: 'E', object: 'person' },
  access: { id: SECURITY, type: ['110131', 'Software Configuration'], code: 'R', object: 'resource' },
  'study.view': { id: ['110103', 'DICOM Instances Accessed'], code: 'R', object: 'study' },
  'study.export': { id: ['110106', 'Export'], code: 'R', object: 'study' },
  'study.store': { id: ['110107', 'Import'], code: 'C', object: 'study' },
  'run.request': { id: ['110103', 'DICOM Instances Accessed'], code: 'C', object: 'run' },
  'run.cancel': { id: ['110103', 'DICOM Instances Accessed'], code: 'U', object: 'run' },
  'run.review': { id: ['110103', 'DICOM Instances Accessed'], code: 'U', object: 'run' },
  'run.export': { id: ['110106', 'Export'], code: 'R', object: 'resource' },
  'rules.change': { id: SECURITY, type: ['110131', 'Software Configuration'], code: 'U', object: 'resource' },
  'model.add': { id: SECURITY, type: ['110131', 'Software Configuration'], code: 'C', object: 'resource' },
  'token.create': { id: SECURITY, type: ['110137', 'User Security Attributes Changed'], code: 'C', object: 'person' },
  'token.revoke': { id: SECURITY, type: ['110137', 'User Security Attributes Changed'], code: 'D', object: 'person' },
  'session.end': { id: SECURITY, type: ['110137', 'User Security Attributes Changed'], code: 'D', object: 'person' },
  'mlflow.change': { id: SECURITY, type: ['110131', 'Software Configuration'], code: 'U', object: 'resource' },
  'pseudonym.rotate': { id: SECURITY, type: ['110132', 'Use of Restricted Function'], code: 'U', object: 'resource' },
  'audit.search': { id: ['110101', 'Audit Log Used'], code: 'R', object: 'resource' },
};
/** Participant object type and role, and what its id is (PS3.15 Table A.5.2-1, CID 404). */
const OBJECTS: Record<EventKind['object'], { type: number; role: number; id: Coded }> = {
  study: { type: 2, role: 3, id: ['110180', 'Study Instance UID'] },
  run: { type: 2, role: 20, id: ['12', 'URI'] },
  resource: { type: 2, role: 13, id: ['12', 'URI'] },
  person: { type: 1, role: 11, id: ['11', 'User Identifier'] },
};
const OUTCOMES: Record<string, number> = { success: 0, refused: 4, failure: 8 };

/** The line as a DICOM audit message: XML by the schema of PS3.15 §A.5.1. */
export function auditMessage({ at_ms, actor, role, address, action, object, outcome, detail }: AuditRecord): string {
  const kind = KINDS[action] ?? { id: SECURITY, code: 'E', object: 'resource' } satisfies EventKind;
  const about = OBJECTS[kind.object];
  return `<?xml version="1.0" encoding="UTF-8"?><AuditMessage>`
    + `<EventIdentification EventActionCode="${kind.code}" EventDateTime="${new Date(at_ms).toISOString()}" EventOutcomeIndicator="${OUTCOMES[outcome] ?? 12}">`
    + coded('EventID', kind.id) + (kind.type ? coded('EventTypeCode', kind.type) : '')
    + (detail === null ? '' : `<EventOutcomeDescription>${escapeXml(detail)}</EventOutcomeDescription>`)
    + `</EventIdentification>`
    + `<ActiveParticipant UserID="${escapeXml(actor)}" UserIsRequestor="true"${address === null ? '' : ` NetworkAccessPointID="${escapeXml(address)}" NetworkAccessPointTypeCode="2"`}>`
    + (role === null ? '' : `<RoleIDCode csd-code="${escapeXml(role)}" originalText="${escapeXml(role)}" codeSystemName="CereBloom"/>`)
    + `</ActiveParticipant>`
    + `<AuditSourceIdentification AuditSourceID="cerebloom"><AuditSourceTypeCode csd-code="4" originalText="Application Server process"/></AuditSourceIdentification>`
    + (object === null ? '' : `<ParticipantObjectIdentification ParticipantObjectID="${escapeXml(object)}" ParticipantObjectTypeCode="${about.type}" ParticipantObjectTypeCodeRole="${about.role}">`
      + `${coded('ParticipantObjectIDTypeCode', about.id)}<ParticipantObjectName>${escapeXml(action)}</ParticipantObjectName></ParticipantObjectIdentification>`)
    + `</AuditMessage>`;
}

const coded = (element: string, [code, meaning]: Coded): string =>
  `<${element} csd-code="${code}" originalText="${meaning}" codeSystemName="${code.length > 2 ? 'DCM' : 'RFC-3881'}"/>`;

/** XML 1.0 has no control characters but these three, not even escaped. */
const escapeXml = (text: string): string =>
  text.replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd').replace(/[&<>"'\t\n\r]/g, char => `&#${char.charCodeAt(0)};`);
