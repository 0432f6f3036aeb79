import type { Migration } from 'kysely/migration';
import * as runs from './001-runs.ts';
import * as statistics from './002-statistics.ts';
import * as deliveries from './003-deliveries.ts';
import * as statisticsByDimension from './010-statistics-by-dimension.ts';
import * as workerHealth from './011-worker-health.ts';
import * as feedAndDeliveries from './030-feed-and-deliveries.ts';
import * as auditChain from './040-audit-chain.ts';
import * as segOn from './050-seg-on.ts';
import * as reviews from './060-reviews.ts';
import * as rollupStorage from './071-rollup-storage.ts';
import * as rollupChanges from './072-rollup-changes.ts';
import * as notedChanges from './073-noted-changes.ts';
import * as pictures from './081-pictures.ts';
import * as pseudonymGeneration from './091-pseudonym-generation.ts';
import * as providerSessions from './092-provider-sessions.ts';

/** In the order of their names; a released one is never changed. */
export const migrations: Record<string, Migration> = {
  '001-runs': runs,
  '002-statistics': statistics,
  '003-deliveries': deliveries,
  '010-statistics-by-dimension': statisticsByDimension,
  '011-worker-health': workerHealth,
  '030-feed-and-deliveries': feedAndDeliveries,
  '040-audit-chain': auditChain,
  '050-seg-on': segOn,
  '060-reviews': reviews,
  '071-rollup-storage': rollupStorage,
  '072-rollup-changes': rollupChanges,
  '073-noted-changes': notedChanges,
  '081-pictures': pictures,
  '091-pseudonym-generation': pseudonymGeneration,
  '092-provider-sessions': providerSessions,
};
