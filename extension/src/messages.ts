import { CHANGE_MESSAGES } from './change-messages.ts';
import type { Stage } from '../../inference-server/src/domain/run.ts';
import { SEQUENCE_NAMES } from '../../inference-server/src/domain/study.ts';
import type { Sequence } from '../../inference-server/src/domain/study.ts';

export type Language = 'en' | 'fr';

/** What went wrong and what the reader can do about it. */
export interface Explanation {
  readonly what: string;
  readonly next: string;
}

/** The checklist of a run: several stages of the server are one step for a reader. */
export const STEPS = ['read', 'align', 'segment', 'store'] as const;
export type Step = (typeof STEPS)[number];
export const STEP_OF_STAGE: Record<Stage, Step> = {
  fetch: 'read', identify: 'read', decode: 'read', register: 'align', 'extract-brain': 'align', infer: 'segment', write: 'store', store: 'store',
};

const en = {
  title: 'Tumour segmentation',
  notMedicalDevice: 'For research. Not a medical device.',
  segment: 'Segment tumour',
  segmentAgain: 'Segment again',
  requesting: 'Asking for the run…',
  cancel: 'Cancel',
  close: 'Close',
  series: 'Series',
  chooseSeries: 'Series used as {sequence}',
  noSeries: 'none found',
  identifying: 'Looking at the series…',
  chosenByYou: 'chosen by you',
  leftOutByYou: 'left out by you',
  leaveOut: 'leave out',
  otherSeries: { one: '1 other series not used', many: '{count} other series not used' },
  missing: '{sequences} missing: the result is less certain.',
  contrastByPixels: {
    confirmed: 'T1 and T1ce were told apart by their images.',
    exchanged: 'T1 and T1ce were exchanged: their images show contrast in the other series. Check the choice below.',
    unseen: 'T1 and T1ce were told apart by their order alone; their images do not show it. Check the choice below.',
  },
  unlike: 'The images look unlike those that the model was made from: check the series and the result with care.',
  onImage: 'image {number}',
  images: '{count} images',
  queue: { one: 'Next in the queue', many: 'Number {position} in the queue' },
  waiting: 'Waiting',
  waits: 'Tell your administrator. The run waits, and goes on by itself as soon as it can.',
  timeLeft: 'about {time} left',
  seconds: '{count} s',
  minutes: '{count} min',
  connectionLost: 'Connection lost; the run goes on. Reconnecting…',
  progress: 'Progress of the segmentation',
  steps: { read: 'Read the images', align: 'Align the series', segment: 'Segment the tumour', store: 'Store the result' },
  running: { read: 'Reading the images', align: 'Aligning the series', segment: 'Segmenting the tumour', store: 'Storing the result' },
  volumes: 'Volumes',
  total: 'Whole tumour',
  regions: { enhancing: 'Enhancing', necrotic: 'Necrotic core', edema: 'Oedema' },
  noTumour: 'No tumour was found in this study.',
  diameters: 'Enhancing part {longest} × {perpendicular} mm',
  jumpToDiameters: 'Go to the slice of the longest diameter',
  opacity: 'Opacity',
  outline: 'Outline only',
  lesions: '{count} separate pieces.',
  smallLesions: 'Of these {count} under 1 mL, together {volume} mL.',
  jump: 'Go to {region}',
  hide: 'Hide {region}',
  show: 'Show {region}',
  overlayLoading: 'Loading the overlay…',
  showAgain: 'Show again',
  model: 'Model',
  modelCard: 'About {model} {version}',
  licence: 'Licence {licence}',
  estimate: 'Takes about {time}.',
  confidence: 'Confidence',
  confidenceWords: { high: 'high', moderate: 'moderate', low: 'low' },
  confidenceMeaning: 'Expected overlap (Dice) with a careful drawing by hand: {dice}.',
  confidenceLow: 'Low confidence: check the outline slice by slice before relying on it.',
  confidencePerRegion: 'Confidence per region',
  confidenceRegions: { wt: 'Whole tumour', tc: 'Core (enhancing and necrotic)', et: 'Enhancing' },
  notFound: 'not found',
  takeAlong: 'Report and files',
  copyReport: 'Copy report',
  notCopied: 'The browser did not allow copying.',
  downloadSeg: 'Download the segmentation (DICOM SEG)',
  downloadSr: 'Download the report (DICOM SR)',
  downloadCsv: 'Download the measurements (CSV)',
  hotkeys: { cancel: 'Cancel the segmentation', overlay: 'Tumour overlay on/off', outline: 'Tumour outline or area', next: 'Next part of the tumour', previous: 'Previous part of the tumour', mpr: 'Three planes and back', prior: 'Last earlier study beside this one and back', uncertainty: 'Uncertainty map on/off', diameters: 'Slice of the longest diameter', copy: 'Copy the report as text' },
  confidenceNotCalibrated: 'This model has not been calibrated on labelled cases.',
  volumeInterval: 'The true volume is likely to lie between {low} and {high} mL.',
  madeBy: 'Model {model} {version}',
  askedBy: 'Asked for by {who}, {when}',
  routed: 'Started when the study arrived, {when}',
  done: 'Segmentation ready',
  doneMessage: 'Whole tumour {volume} mL',
  cancelled: 'The segmentation was cancelled.',
  skipped: 'The study was not segmented automatically',
  superseded: 'The study has changed since this run.',
  failed: 'Segmentation failed',
  copyCode: 'Copy code',
  copied: 'Copied',
  signIn: 'Sign in',
  seeResult: 'See result',
  why: 'Why',
  priors: CHANGE_MESSAGES.en,
  uncertainty: {
    show: 'Uncertainty map',
    meaning: 'Chance that a voxel is on the wrong side of the tumour’s outline, by the model’s probabilities. Sure is not right: what the model overlooks is not shown.',
    absent: 'This result has no map of its uncertainty. Segment again to make one.',
    failed: 'The map could not be shown. Try again, or reload the page.',
  },
};
export type Messages = typeof en;

const fr: Messages = {
  title: 'Segmentation de tumeur',
  notMedicalDevice: 'Pour la recherche. Pas un dispositif médical.',
  segment: 'Segmenter la tumeur',
  segmentAgain: 'Segmenter à nouveau',
  requesting: 'Demande en cours…',
  cancel: 'Annuler',
  close: 'Fermer',
  series: 'Séries',
  chooseSeries: 'Série utilisée comme {sequence}',
  noSeries: 'aucune trouvée',
  identifying: 'Lecture des séries…',
  chosenByYou: 'choisie par vous',
  leftOutByYou: 'omise par vous',
  leaveOut: 'ne pas utiliser',
  otherSeries: { one: '1 autre série non utilisée', many: '{count} autres séries non utilisées' },
  missing: '{sequences} absente : le résultat est moins sûr.',
  contrastByPixels: {
    confirmed: 'T1 et T1ce ont été distinguées par leurs images.',
    exchanged: 'T1 et T1ce ont été échangées : leurs images montrent le contraste dans l’autre série. Vérifiez le choix ci-dessous.',
    unseen: 'T1 et T1ce ont été distinguées par leur seul ordre ; leurs images ne le montrent pas. Vérifiez le choix ci-dessous.',
  },
  unlike: 'Les images diffèrent de celles qui ont servi à construire le modèle : vérifiez les séries et le résultat avec soin.',
  onImage: 'image {number}',
  images: '{count} images',
  queue: { one: 'Prochaine dans la file', many: 'Numéro {position} dans la file' },
  waiting: 'En attente',
  waits: 'Prévenez votre administrateur. Le calcul attend, et continue tout seul dès que possible.',
  timeLeft: 'encore {time} environ',
  seconds: '{count} s',
  minutes: '{count} min',
  connectionLost: 'Connexion perdue ; le calcul continue. Reconnexion…',
  progress: 'Avancement de la segmentation',
  steps: { read: 'Lire les images', align: 'Aligner les séries', segment: 'Segmenter la tumeur', store: 'Enregistrer le résultat' },
  running: { read: 'Lecture des images', align: 'Alignement des séries', segment: 'Segmentation de la tumeur', store: 'Enregistrement du résultat' },
  volumes: 'Volumes',
  total: 'Tumeur totale',
  regions: { enhancing: 'Prise de contraste', necrotic: 'Nécrose', edema: 'Œdème' },
  noTumour: 'Aucune tumeur n’a été trouvée dans cet examen.',
  diameters: 'Prise de contraste {longest} × {perpendicular} mm',
  jumpToDiameters: 'Aller à la coupe du plus grand diamètre',
  opacity: 'Opacité',
  outline: 'Contour seul',
  lesions: '{count} foyers séparés.',
  smallLesions: 'Dont {count} de moins de 1 mL, {volume} mL en tout.',
  jump: 'Aller à : {region}',
  hide: 'Masquer : {region}',
  show: 'Afficher : {region}',
  overlayLoading: 'Chargement de la superposition…',
  showAgain: 'Afficher à nouveau',
  model: 'Modèle',
  modelCard: 'À propos de {model} {version}',
  licence: 'Licence {licence}',
  estimate: 'Dure environ {time}.',
  confidence: 'Confiance',
  confidenceWords: { high: 'élevée', moderate: 'moyenne', low: 'faible' },
  confidenceMeaning: 'Recouvrement attendu (Dice) avec un contour manuel soigneux : {dice}.',
  confidenceLow: 'Confiance faible : vérifiez le contour coupe par coupe avant de vous y fier.',
  confidencePerRegion: 'Confiance par région',
  confidenceRegions: { wt: 'Tumeur totale', tc: 'Cœur (prise de contraste et nécrose)', et: 'Prise de contraste' },
  notFound: 'non trouvée',
  takeAlong: 'Compte rendu et fichiers',
  copyReport: 'Copier le compte rendu',
  notCopied: 'Le navigateur n’a pas permis la copie.',
  downloadSeg: 'Télécharger la segmentation (DICOM SEG)',
  downloadSr: 'Télécharger le compte rendu (DICOM SR)',
  downloadCsv: 'Télécharger les mesures (CSV)',
  hotkeys: { cancel: 'Annuler la segmentation', overlay: 'Afficher ou masquer la tumeur', outline: 'Contour ou surface de la tumeur', next: 'Partie suivante de la tumeur', previous: 'Partie précédente de la tumeur', mpr: 'Trois plans, et retour', prior: 'Dernier examen antérieur côte à côte, et retour', uncertainty: 'Afficher ou masquer la carte d’incertitude', diameters: 'Coupe du plus grand diamètre', copy: 'Copier le compte rendu' },
  confidenceNotCalibrated: 'Ce modèle n’a pas été étalonné sur des cas annotés.',
  volumeInterval: 'Le volume réel se situe probablement entre {low} et {high} mL.',
  madeBy: 'Modèle {model} {version}',
  askedBy: 'Demandée par {who}, {when}',
  routed: 'Lancée à l’arrivée de l’examen, {when}',
  done: 'Segmentation prête',
  doneMessage: 'Tumeur totale {volume} mL',
  cancelled: 'La segmentation a été annulée.',
  skipped: 'L’examen n’a pas été segmenté automatiquement',
  superseded: 'L’examen a changé depuis ce calcul.',
  failed: 'Échec de la segmentation',
  copyCode: 'Copier le code',
  copied: 'Copié',
  signIn: 'Se connecter',
  seeResult: 'Voir',
  why: 'Pourquoi',
  priors: CHANGE_MESSAGES.fr,
  uncertainty: {
    show: 'Carte d’incertitude',
    meaning: 'Probabilité qu’un voxel soit du mauvais côté du contour de la tumeur, selon les probabilités du modèle. Sûr ne veut pas dire juste : ce que le modèle ignore n’apparaît pas.',
    absent: 'Ce résultat n’a pas de carte d’incertitude. Segmentez à nouveau pour en obtenir une.',
    failed: 'La carte n’a pas pu être affichée. Réessayez, ou rechargez la page.',
  },
};

export const MESSAGES: Record<Language, Messages> = { en, fr };

const CANNOT = { en: 'This study can’t be segmented because ', fr: 'Cet examen ne peut pas être segmenté : ' };
const ANOTHER_SERIES = {
  en: 'Choose another series below, or send the series again from the scanner or PACS.',
  fr: 'Choisissez une autre série ci-dessous, ou renvoyez la série depuis l’appareil ou le PACS.',
};
const TRY_AGAIN = {
  en: 'Try again; if it happens again, give the code to your administrator.',
  fr: 'Réessayez ; si cela se reproduit, donnez le code à votre administrateur.',
};
const TELL_ADMINISTRATOR = { en: 'Give the code to your administrator.', fr: 'Donnez le code à votre administrateur.' };

const cannot = (enReason: string, frReason: string, next = ANOTHER_SERIES): Record<Language, Explanation> => ({
  en: { what: `${CANNOT.en}${enReason}.`, next: next.en },
  fr: { what: `${CANNOT.fr}${frReason}.`, next: next.fr },
});
const failure = (enWhat: string, frWhat: string, next = TRY_AGAIN): Record<Language, Explanation> => ({
  en: { what: enWhat, next: next.en },
  fr: { what: frWhat, next: next.fr },
});

const MODEL_UNUSABLE = failure('The model can’t be used on the server.', 'Le modèle est inutilisable sur le serveur.', TELL_ADMINISTRATOR);
const UNREADABLE = cannot('the pixels of a series can’t be read', 'les pixels d’une série sont illisibles');
const IRREGULAR = cannot('the slices of a series don’t make a regular volume', 'les coupes d’une série ne forment pas un volume régulier');

const BUSY = failure('The segmentation server can’t reach its database just now.', 'Le serveur de segmentation n’atteint pas sa base de données pour le moment.');
const CHANGED = failure('The result has changed meanwhile.', 'Le résultat a changé entre-temps.', { en: 'Reload the page to see how it stands.', fr: 'Rechargez la page pour voir où il en est.' });

const EXPLANATIONS: Record<string, Record<Language, Explanation>> = {
  SERIES_MISSING: cannot('a sequence that the model needs was not found', 'une séquence nécessaire au modèle est introuvable', {
    en: 'Choose the series below if it is there under another name, or send the missing one and try again.',
    fr: 'Choisissez la série ci-dessous si elle existe sous un autre nom, ou envoyez celle qui manque et réessayez.',
  }),
  NOT_MR: cannot('it has no MR images', 'il ne contient pas d’images IRM', { en: 'Open an MR study of the head.', fr: 'Ouvrez un examen IRM de la tête.' }),
  TOO_FEW_SLICES: cannot('a series has too few slices', 'une série a trop peu de coupes'),
  SLICES_MISSING: cannot('slices are missing from a series', 'des coupes manquent dans une série'),
  INCONSISTENT_GEOMETRY: IRREGULAR,
  GEOMETRY_ABSENT: IRREGULAR,
  PIXEL_DATA_TRUNCATED: UNREADABLE,
  PIXEL_DATA_UNREADABLE: UNREADABLE,
  TRANSFER_SYNTAX_UNSUPPORTED: UNREADABLE,
  NOT_DICOM: UNREADABLE,
  PATIENTS_MIXED: cannot('its images have more than one patient ID', 'ses images portent plusieurs identifiants de patient', {
    en: 'Have the wrong images corrected or deleted in the archive first.', fr: 'Faites d’abord corriger ou supprimer les images erronées dans l’archive.',
  }),
  ALIGNMENT_FAILED: cannot('its series could not be aligned', 'ses séries n’ont pas pu être alignées', {
    en: 'Check that all series show the same head, and choose others below where they don’t.',
    fr: 'Vérifiez que toutes les séries montrent la même tête, et choisissez-en d’autres ci-dessous sinon.',
  }),
  BRAIN_NOT_FOUND: cannot('no brain was found in it', 'aucun cerveau n’y a été trouvé'),
  FLAT_VOLUME: cannot('a series shows the same value everywhere', 'une série a partout la même valeur'),
  SERIES_NOT_IN_STUDY: failure('A chosen series is no longer in the study.', 'Une série choisie n’est plus dans l’examen.', {
    en: 'Reload the page and choose again.', fr: 'Rechargez la page et choisissez à nouveau.',
  }),
  STUDY_NOT_FOUND: failure('The study is no longer stored.', 'L’examen n’est plus enregistré.', {
    en: 'Send it again, or open another study.', fr: 'Renvoyez-le, ou ouvrez un autre examen.',
  }),
  RESULT_NOT_FOUND: failure('The stored segmentation is no longer in the study.', 'La segmentation enregistrée n’est plus dans l’examen.', {
    en: 'Segment the tumour again.', fr: 'Segmentez à nouveau la tumeur.',
  }),
  OVERLAY_NOT_LOADED: failure('The viewer could not load the overlay.', 'La visionneuse n’a pas pu charger la superposition.', {
    en: 'Try again, or reload the page: the result is stored.', fr: 'Réessayez, ou rechargez la page : le résultat est enregistré.',
  }),
  MODEL_NOT_FOUND: MODEL_UNUSABLE,
  MODEL_FILE_MISSING: MODEL_UNUSABLE,
  MODEL_CHECKSUM: MODEL_UNUSABLE,
  MODEL_INVALID: MODEL_UNUSABLE,
  MODEL_OUTPUT: MODEL_UNUSABLE,
  ORTHANC_UNAVAILABLE: failure('The image archive (Orthanc) does not answer.', 'L’archive d’images (Orthanc) ne répond pas.'),
  ORTHANC_REFUSED: failure('The image archive (Orthanc) refused the request; it may be full.', 'L’archive d’images (Orthanc) a refusé la demande ; elle est peut-être pleine.', {
    en: 'Ask your administrator whether the archive has space left, then try again.', fr: 'Demandez à votre administrateur s’il reste de la place dans l’archive, puis réessayez.',
  }),
  DISK_FULL: failure('The disk of the segmentation server is full.', 'Le disque du serveur de segmentation est plein.', {
    en: 'Ask your administrator to free some space; what waits then goes on by itself.', fr: 'Demandez à votre administrateur de libérer de la place ; ce qui attend continue alors tout seul.',
  }),
  DATABASE_LOCKED: BUSY,
  DATABASE_UNAVAILABLE: BUSY,
  SERIES_CHOSEN_TWICE: failure('One series was chosen for two sequences.', 'Une série a été choisie pour deux séquences.', { en: 'Choose another series for one of them.', fr: 'Choisissez une autre série pour l’une d’elles.' }),
  RUN_NOT_COMPLETED: CHANGED,
  RUN_NOT_FOUND: CHANGED,
  NO_REVIEW: CHANGED,
  CORRECTION_INVALID: failure('The correction doesn’t fit the images that are stored now.', 'La correction ne correspond pas aux images enregistrées maintenant.', {
    en: 'The images were changed meanwhile: reload the page and segment the study again.', fr: 'Les images ont changé entre-temps : rechargez la page et segmentez à nouveau l’examen.',
  }),
  TIMED_OUT: failure('The segmentation took too long and was stopped.', 'La segmentation a duré trop longtemps et a été arrêtée.'),
  WORKER_CRASHED: failure('The segmentation stopped unexpectedly.', 'La segmentation s’est arrêtée de façon inattendue.'),
  QUEUE_FULL: failure('Too many segmentations wait already.', 'Trop de segmentations sont déjà en attente.', {
    en: 'Try again in a few minutes.', fr: 'Réessayez dans quelques minutes.',
  }),
  RESULT_BEING_STORED: failure('The result is already being stored.', 'Le résultat est déjà en cours d’enregistrement.', { en: 'You can reject it once it is there.', fr: 'Vous pourrez le rejeter une fois qu’il sera là.' }),
  RUN_ENDED: failure('The run has already ended.', 'Le calcul est déjà terminé.', { en: 'Reload the page to see it.', fr: 'Rechargez la page pour le voir.' }),
  SERVER_UNREACHABLE: failure('The segmentation server does not answer.', 'Le serveur de segmentation ne répond pas.', {
    en: 'Check the network and try again. A run that was started goes on.', fr: 'Vérifiez le réseau et réessayez. Un calcul lancé continue.',
  }),
};
const SIGNED_OUT = failure('You are signed out.', 'Vous êtes déconnecté.', { en: 'Sign in to go on.', fr: 'Connectez-vous pour continuer.' });
const FORBIDDEN = failure('Your account may not do this.', 'Votre compte n’en a pas le droit.', {
  en: 'Ask your administrator for the role “radiologist”.', fr: 'Demandez le rôle « radiologist » à votre administrateur.',
});
const RUN_FAILED = failure('The segmentation failed.', 'La segmentation a échoué.');
const REQUEST_FAILED = failure('The request failed.', 'La demande a échoué.');

/** @param status HTTP status of a refused request; null for a failed run. */
export function explain(language: Language, code: string, status: number | null): Explanation {
  const known = status === 401 ? SIGNED_OUT : status === 403 ? FORBIDDEN : EXPLANATIONS[code] ?? (status === null ? RUN_FAILED : REQUEST_FAILED);
  return known[language];
}

/** OHIF's language, which it keeps under `i18nextLng`; English where it is neither English nor French. */
export function currentLanguage(): Language {
  return languageOf(localStorage.getItem('i18nextLng') ?? navigator.language);
}

export const languageOf = (tag: string): Language => (/^fr\b/i.test(tag) ? 'fr' : 'en');

/** Replaces `{name}` by its value. */
export function fill(template: string, values: Record<string, string | number>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]));
}

/** One decimal below 100 mL, none above; the language's decimal sign. */
export function formatMl(language: Language, volumeMl: number): string {
  const digits = Math.round(volumeMl * 10) / 10 < 100 ? 1 : 0;
  return volumeMl.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export const formatMm = (language: Language, lengthMm: number): string => lengthMm.toLocaleString(language, { maximumFractionDigits: 0 });

export const formatDice = (language: Language, dice: number): string =>
  dice.toLocaleString(language, { minimumFractionDigits: 2, maximumFractionDigits: 2 });

export const formatPercent = (language: Language, share: number): string => share.toLocaleString(language, { style: 'percent' });

/** @param instant ISO 8601, as the server sends it; shown in the reader's time zone. */
export const formatInstant = (language: Language, instant: string): string =>
  new Date(instant).toLocaleString(language === 'en' ? 'en-GB' : 'fr', { dateStyle: 'medium', timeStyle: 'short' });

export function formatDuration(language: Language, seconds: number): string {
  const { seconds: inSeconds, minutes } = MESSAGES[language];
  return seconds < 90 ? fill(inSeconds, { count: Math.max(1, Math.round(seconds)) }) : fill(minutes, { count: Math.round(seconds / 60) });
}

export const formatSequences = (language: Language, sequences: readonly Sequence[]): string =>
  new Intl.ListFormat(language, { type: 'conjunction' }).format(sequences.map(sequence => SEQUENCE_NAMES[sequence]));

/** How a confidence (expected Dice, 0…1) is put in words. */
export function confidenceWord(language: Language, confidence: number): string {
  const { high, moderate, low } = MESSAGES[language].confidenceWords;
  return confidence >= 0.85 ? high : confidence >= LOW_CONFIDENCE ? moderate : low;
}
/** From here on (one figure of the images clearly outside what is typical) the panel asks for a check. */
export const IMPLAUSIBLE = 1;
/** Below this expected Dice the panel asks for a check. */
export const LOW_CONFIDENCE = 0.7;
