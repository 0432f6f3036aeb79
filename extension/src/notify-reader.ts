import type { OhifHost, ToastOptions } from '../ohif.d.ts';
import { PANEL_ID } from './id.ts';

/** One toast for all stages: the same id is updated in place. */
const TOAST_ID = 'cerebloom-run';

export type Toast = Omit<ToastOptions, 'id'>;

export function showToast({ servicesManager: { services } }: OhifHost, toast: Toast): void {
  services.uiNotificationService.show({ ...toast, id: TOAST_ID });
}

export function hideToast({ servicesManager: { services } }: OhifHost): void {
  services.uiNotificationService.hide(TOAST_ID);
}

/** Brings our panel to the front, opening the side where it is closed. */
export function openPanel({ servicesManager: { services } }: OhifHost): void {
  services.panelService.activatePanel(PANEL_ID, true);
}
