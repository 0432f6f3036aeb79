import { DatabaseSync } from 'node:sqlite';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { DOMParser } from '@xmldom/xmldom';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AUDIT_ACTIONS, AuditLog, type AuditLine } from '../../../inference-server/src/adapters/audit-log.ts';
import { CursorRepository } from '../../../inference-server/src/adapters/cursor-repository.ts';
import { openDatabase, type Database } from '../../../inference-server/src/adapters/database.ts';
import { Syslog } from '../../../inference-server/src/adapters/syslog.ts';
import { auditMessage } from '../../../inference-server/src/dicom/audit-message.ts';
import { exportPage } from '../../../inference-server/src/flow/export-audit.ts';
import { aCertificate } from '../../support/certificate.ts';

const KEY = 'k'.repeat(64);
let home: string;
let db: Database;
let audit: AuditLog;
let now: number;
const line = (n: number): AuditLine => ({ actor: `reader ${n % 2}`, role: 'reader', address: '10.0.0.1', action: 'study.view', object: `1.2.${n}`, outcome: 'success' });

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'cerebloom-audit-'));
  now = Date.UTC(2026, 2, 3);
  db = await openDatabase(`sqlite:${join(home, 'a.db')}`);
  audit = new AuditLog(db, () => now, KEY);
  for (let n = 1; n <= 5; n++) {
    await audit.write(line(n));
    now += 1000;
  }
});
afterEach(async () => {
  await db.destroy();
  rmSync(home, { recursive: true });
});

/** Someone who has the database file itself, and takes the guards away. */
function tamper(statement: string): void {
  const file = new DatabaseSync(join(home, 'a.db'));
  file.exec('drop trigger audit_no_update; drop trigger audit_no_delete');
  file.exec(statement);
  file.close();
}

describe('the audit log', () => {
  it('is whole as it was written', async () => {
    expect(await audit.verify()).toEqual({ lines: 5, faults: [] });
  });

  it.each(['update audit set actor = \'someone\'', 'delete from audit where seq = 2'])('can\'t be changed through the database: %s', async statement => {
    const file = new DatabaseSync(join(home, 'a.db'));
    expect(() => file.exec(statement)).toThrow('never changed or removed');
    file.close();
  });

  it.each([
    ['a changed line', 'update audit set object = \'1.2.9\' where seq = 3', 3],
    ['a changed time', 'update audit set at_ms = at_ms + 1 where seq = 1', 1],
    ['a missing line', 'delete from audit where seq = 2', 3],
    ['a missing first line', 'delete from audit where seq = 1', 2],
    ['a missing last line', 'delete from audit where seq = 5', 5],
    ['missing last lines', 'delete from audit where seq >= 3', 5],
    ['a log without any line', 'delete from audit', 5],
    ['a log without its seal', 'delete from audit_head', 5],
    ['an exchanged order', 'update audit set seq = 100 where seq = 2', 3],
  ])('shows %s', async (_what, statement, seq) => {
    tamper(statement);
    const { faults } = await audit.verify();
    expect(faults[0]).toMatchObject({ seq });
  });

  it('shows a chain that was made anew without the key', async () => {
    tamper('delete from audit; delete from audit_head; delete from sqlite_sequence where name = \'audit\'');
    const forger = new AuditLog(db, () => now, 'f'.repeat(64));
    for (let n = 1; n <= 5; n++) await forger.write(line(n));
    expect((await audit.verify()).faults).toMatchObject([{ what: expect.stringContaining('key') }]);
  });

  it('does not cover a cut end by going on', async () => {
    tamper('delete from audit where seq >= 4');
    await audit.write(line(6));
    expect((await audit.verify()).faults).not.toEqual([]);
  });

  it('is searched by who, what, when and with what success, newest first and page by page', async () => {
    const seqs = async (search: object) => (await audit.search({ limit: 10, ...search })).map(({ seq }) => seq);
    expect(await seqs({ actor: 'reader 1' })).toEqual([5, 3, 1]);
    expect(await seqs({ object: '1.2.4' })).toEqual([4]);
    expect(await seqs({ fromMs: Date.UTC(2026, 2, 3, 0, 0, 3) })).toEqual([5, 4]);
    expect(await seqs({ before: 3, limit: 1 })).toEqual([2]);
    expect(await seqs({ outcome: 'refused' })).toEqual([]);
  });
});

describe('the DICOM audit message', () => {
  const parse = (xml: string) => new DOMParser({ onError: (level, message) => { if (level !== 'warning') throw new Error(String(message)); } }).parseFromString(xml, 'text/xml').documentElement!;
  const attribute = (root: ReturnType<typeof parse>, element: string, name: string) => root.getElementsByTagName(element)[0]?.getAttribute(name);

  it.each(AUDIT_ACTIONS)('of %s has the event, the participant and the source that PS3.15 A.5 asks for', action => {
    const root = parse(auditMessage({ at_ms: 0, actor: 'a', role: 'reader', address: '10.0.0.1', action, object: '1.2', outcome: 'success', detail: null }));
    expect(root.tagName).toBe('AuditMessage');
    expect(attribute(root, 'EventIdentification', 'EventActionCode')).toMatch(/^[CRUDE]$/);
    expect(attribute(root, 'EventIdentification', 'EventOutcomeIndicator')).toBe('0');
    expect(attribute(root, 'EventID', 'csd-code')).toMatch(/^1101\d\d$/);
    expect(attribute(root, 'EventID', 'codeSystemName')).toBe('DCM');
    expect(attribute(root, 'ActiveParticipant', 'UserIsRequestor')).toBe('true');
    expect(attribute(root, 'AuditSourceIdentification', 'AuditSourceID')).toBe('cerebloom');
    expect(attribute(root, 'ParticipantObjectIdentification', 'ParticipantObjectID')).toBe('1.2');
  });

  it('holds whatever someone put into a name', () => {
    const root = parse(auditMessage({ at_ms: 0, actor: '"><x/>&\u0000\u001b\n', role: null, address: null, action: 'access', object: null, outcome: 'refused', detail: ']]>' }));
    expect(attribute(root, 'ActiveParticipant', 'UserID')).toContain('"><x/>&');
    expect(attribute(root, 'EventIdentification', 'EventOutcomeIndicator')).toBe('4');
  });
});

describe('a syslog server', () => {
  it('gets every line once and in order, and after an outage those that it missed', async () => {
    let heard = '';
    const server = createServer(socket => socket.setEncoding('utf8').on('data', data => { heard += data; }));
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const deps = { audit, cursors: new CursorRepository(db), host: 'a-host', log: { error: () => undefined } };
    const nobody = new Syslog('tcp://127.0.0.1:1');
    await expect(exportPage({ ...deps, syslog: nobody })).rejects.toThrow();
    const syslog = new Syslog(`tcp://127.0.0.1:${port}`);
    expect(await exportPage({ ...deps, syslog })).toBe(5);
    await audit.write(line(6));
    expect(await exportPage({ ...deps, syslog })).toBe(1);
    expect(await exportPage({ ...deps, syslog })).toBe(0);
    syslog.close();
    await new Promise(resolve => server.close(resolve));
    const messages: string[] = [];
    for (let rest = Buffer.from(heard); rest.length > 0;) {
      const length = Number(/^\d+ /.exec(rest.toString('latin1'))![0]);
      const begin = String(length).length + 1;
      messages.push(rest.subarray(begin, begin + length).toString());
      rest = rest.subarray(begin + length);
    }
    expect(messages.map(message => /ParticipantObjectID="1\.2\.(\d)"/.exec(message)![1])).toEqual(['1', '2', '3', '4', '5', '6']);
    for (const message of messages) expect(message).toMatch(/^<85>1 2026-03-03T00:00:0\d\.000Z a-host cerebloom - DICOM\+RFC3881 - \ufeff<\?xml /);
  });

  describe('behind TLS', () => {
    const folder = mkdtempSync(join(tmpdir(), 'cerebloom-syslog-'));
    const files = aCertificate(folder);
    afterAll(() => rmSync(folder, { recursive: true }));
    const listening = async (heard: (text: string) => void) => {
      const server = createTlsServer({ cert: readFileSync(files.cert), key: readFileSync(files.key) }, socket => socket.setEncoding('utf8').on('data', heard).on('error', () => undefined));
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
      return { server, url: `tls://localhost:${(server.address() as AddressInfo).port}` };
    };

    it('gets the lines where its certificate is of the authority that is configured (RFC 5425)', async () => {
      let heard = '';
      const { server, url } = await listening(text => { heard += text; });
      const syslog = new Syslog(url, readFileSync(files.cert, 'utf8'));
      expect(await exportPage({ audit, cursors: new CursorRepository(db), host: 'a-host', log: { error: () => undefined }, syslog })).toBe(5);
      await vi.waitFor(() => expect(heard.match(/<\?xml /g)).toHaveLength(5));
      expect(heard).toMatch(/^\d+ <85>1 /);
      syslog.close();
      server.close();
    });

    it('gets nothing where its certificate is another', async () => {
      let heard = '';
      const { server, url } = await listening(text => { heard += text; });
      const syslog = new Syslog(url);
      await expect(exportPage({ audit, cursors: new CursorRepository(db), host: 'a-host', log: { error: () => undefined }, syslog })).rejects.toThrow(/certificate/);
      expect(heard).toBe('');
      server.close();
    });
  });
});
