import { BUTTON_ID, TOOLBAR_BUTTONS } from './id.ts';
import { currentLanguage, MESSAGES } from './messages.ts';

/** The toolbar button for modes that refer to it, and the hotkey for all modes. */
export function getCustomizationModule() {
  const label = MESSAGES[currentLanguage()].segment;
  return [
    {
      name: 'default',
      value: {
        [TOOLBAR_BUTTONS]: [{
          id: BUTTON_ID,
          uiType: 'ohif.toolButton',
          props: { icon: 'icon-tool-click-segment', label, tooltip: `${label} (G)`, commands: 'segmentTumour', evaluate: 'evaluate.action' },
        }],
      },
    },
    {
      name: 'global',
      value: { 'ohif.hotkeyBindings': { $push: [{ commandName: 'segmentTumour', label, keys: ['g'], isEditable: true }] } },
    },
  ];
}
