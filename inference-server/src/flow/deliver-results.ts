import { setTimeout as delay } from 'node:timers/promises';
import type { DeliveryRepository } from '../adapters/delivery-repository.ts';
import type { Logger } from '../adapters/logger.ts';
import type { SeriesUid } from '../domain/uid.ts';

export interface DeliveryDeps {
  readonly deliveries: DeliveryRepository;
  readonly orthanc: { sendSeries(modality: string, seriesUids: readonly SeriesUid[]): Promise<void> };
  readonly log: Pick<Logger, 'info' | 'error'>;
  readonly now: () => number;
}

const IDLE_MS = 1_000;
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 3_600_000;

/** Sends results to the destinations of their routing rules; a destination that is down gets them later. */
export async function deliverResults(deps: DeliveryDeps, stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted) {
    await deliverDue(deps).catch((error: unknown) => deps.log.error({ err: error }, 'deliveries can\'t be read'));
    await delay(IDLE_MS, undefined, { signal: stopping }).catch(() => undefined);
  }
}

async function deliverDue({ deliveries, orthanc, log, now }: DeliveryDeps): Promise<void> {
  for (const delivery of await deliveries.due(now(), 20)) {
    const { runId, destination, seriesUids, attempts } = delivery;
    try {
      await orthanc.sendSeries(destination, seriesUids);
      await deliveries.delivered(delivery, now());
      log.info({ runId, destination }, 'result delivered');
    } catch (error) {
      log.error({ runId, destination, attempts: attempts + 1, err: error }, 'a result can\'t be delivered yet');
      await deliveries.postpone(delivery, (error as Error).message, now() + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempts));
    }
  }
}
