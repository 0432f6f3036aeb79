import { BUTTON_ID, TOOLBAR_BUTTONS } from './id.ts';
import { currentLanguage, MESSAGES } from './messages.ts';
import { REVIEW_MESSAGES } from './review-messages.ts';

/** The toolbar button for modes that refer to it, and the hotkeys for all modes. */
export function getCustomizationModule() {
  const { segment: label, hotkeys } = MESSAGES[currentLanguage()];
  const { hotkeys: review } = REVIEW_MESSAGES[currentLanguage()];
  const hotkey = (commandName: string, name: string, key: string) => ({ commandName, label: name, keys: [key], isEditable: true });
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
      value: { 'ohif.hotkeyBindings': {
        $push: [
          hotkey('segmentTumour', label, 'g'),
          hotkey('cancelRun', hotkeys.cancel, 'shift+x'),
          hotkey('toggleTumourOverlay', hotkeys.overlay, 'o'),
          hotkey('toggleTumourOutline', hotkeys.outline, 'shift+o'),
          hotkey('nextTumourPart', hotkeys.next, 't'),
          hotkey('acceptResult', review.accept, 'shift+a'),
          hotkey('editResult', review.edit, 'shift+e'),
          hotkey('rejectResult', review.reject, 'shift+r'),
          hotkey('undoReview', review.undo, 'shift+z'),
          hotkey('saveCorrection', review.save, 'shift+s'),
          hotkey('discardCorrection', review.discard, 'shift+d'),
          hotkey('previousTumourPart', hotkeys.previous, 'shift+t'),
          hotkey('toggleTumourMpr', hotkeys.mpr, 'm'),
          hotkey('compareWithPrior', hotkeys.prior, 'p'),
          hotkey('toggleUncertainty', hotkeys.uncertainty, 'u'),
          hotkey('jumpToDiameters', hotkeys.diameters, 'd'),
          hotkey('copyReport', hotkeys.copy, 'shift+c'),
        ],
      } },
    },
  ];
}
