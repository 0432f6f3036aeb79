import { setTimeout as delay } from 'node:timers/promises';
import type { AuditLog } from '../adapters/audit-log.ts';
import type { CursorRepository } from '../adapters/cursor-repository.ts';
import type { Logger } from '../adapters/logger.ts';
import { syslogMessage, type Syslog } from '../adapters/syslog.ts';
import { auditMessage } from '../dicom/audit-message.ts';

export interface AuditExportDeps {
  readonly audit: AuditLog;
  readonly cursors: CursorRepository;
  readonly syslog: Pick<Syslog, 'send' | 'close'>;
  readonly host: string;
  readonly log: Pick<Logger, 'error'>;
}

const CURSOR = 'audit-syslog';
const PAGE = 200;
const POLL_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/** Sends every audit line to the syslog server, in order; one that is down gets them later. */
export async function exportAudit(deps: AuditExportDeps, stopping: AbortSignal): Promise<void> {
  for (let failures = 0; !stopping.aborted;) {
    try {
      const sent = await exportPage(deps);
      failures = 0;
      if (sent === PAGE) continue;
    } catch (error) {
      // one line per outage
      if (failures++ === 0) deps.log.error({ err: error }, 'audit lines can\'t be sent to the syslog server yet');
    }
    await delay(Math.min(LONGEST_PAUSE_MS, POLL_MS * 2 ** failures), undefined, { signal: stopping }).catch(() => undefined);
  }
  deps.syslog.close();
}

/** @returns how many were sent. */
export async function exportPage({ audit, cursors, syslog, host }: AuditExportDeps): Promise<number> {
  const rows = await audit.after(await cursors.position(CURSOR), PAGE);
  for (const row of rows) {
    await syslog.send(syslogMessage(row.at_ms, host, auditMessage(row)));
    await cursors.advance(CURSOR, row.seq);
  }
  return rows.length;
}
