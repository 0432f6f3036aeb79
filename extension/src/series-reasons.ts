import type { StudySeries } from '../../inference-server/src/contract/studies.ts';
import type { Language } from './messages.ts';

type Kind = StudySeries['series'][number]['kind'];

/** The server's reasons, which it gives in English; `#` stands for what changes: a figure or a name. */
const FRENCH: Readonly<Record<string, string>> = {
  'The demo study waits for a click': 'l’examen de démonstration attend un clic',
  'No routing rule is about this study': 'aucune règle de routage ne concerne cet examen',
  'contrast agent in its header': 'produit de contraste dans l’en-tête',
  'no contrast agent in its header': 'pas de produit de contraste dans l’en-tête',
  'named as taken after contrast': 'nommée comme acquise après contraste',
  'named as taken without contrast': 'nommée comme acquise sans contraste',
  'taken after a bolus perfusion': 'acquise après une perfusion avec bolus',
  'taken after a series with contrast': 'acquise après une série avec contraste',
  'no tag or name tells; the last of several T1 series': 'ni attribut ni nom ne le dit ; la dernière de plusieurs séries T1',
  'no contrast agent, taken before contrast was given': 'pas de produit de contraste, acquise avant l’injection',
  'no contrast tag: the later of two T1 series of the same protocol': 'pas d’attribut de contraste : la seconde de deux séries T1 du même protocole',
  'no contrast tag: taken after a T1 that is named native': 'pas d’attribut de contraste : acquise après une T1 nommée native',
  'no contrast tag: fat-suppressed, after a T1 that is not': 'pas d’attribut de contraste : graisse supprimée, après une T1 où elle ne l’est pas',
  'chosen by hand for #': 'choisie à la main comme #',
  'preferred to # other # series: #': 'préférée à # autre(s) série(s) # : #',
  'original, not derived': 'originale, non dérivée',
  'covers the whole brain': 'couvre tout le cerveau',
  '3-D': '3D',
  'thinner slices (# mm, not # mm)': 'coupes plus fines (# mm, et non # mm)',
  'taken before contrast was given': 'acquise avant l’injection',
  'axial, as the models were trained': 'axiale, comme les données d’entraînement',
  'acquired first': 'acquise en premier',
  'can\'t be used: #': 'inutilisable : #',
  'taken instead of another # series that can\'t be used': 'prise à la place d’une autre série # inutilisable',
  'balanced steady state: fluid is bright': 'état d’équilibre : le liquide est brillant',
  'inversion time # ms and a long echo: fluid is suppressed': 'temps d’inversion # ms et écho long : le liquide est supprimé',
  'inversion time # ms': 'temps d’inversion # ms',
  'short echo (# ms) and repetition time # ms': 'écho court (# ms) et temps de répétition # ms',
  'short echo (# ms)': 'écho court (# ms)',
  'long echo (# ms) and repetition time # ms': 'écho long (# ms) et temps de répétition # ms',
  'long echo (# ms)': 'écho long (# ms)',
  'named #': 'nommée #',
  'neither its parameters nor its names tell': 'ni ses paramètres ni ses noms ne le disent',
  'its description says double inversion: neither fluid nor white matter shows': 'sa description dit double inversion : ni liquide ni substance blanche visibles',
  'modality absent': 'modalité absente',
  'modality no modality': 'modalité absente',
  'modality an unknown modality': 'modalité inconnue',
  'modality #': 'modalité #',
  'MR spectroscopy': 'spectroscopie par RM',
  'no MR image SOP class': 'pas d’image IRM (classe SOP)',
  'named a localizer or calibration': 'nommée repérage ou calibration',
  'shows another part of the body': 'montre une autre partie du corps',
  'diffusion by its b-value or ImageType': 'diffusion d’après sa valeur b ou ImageType',
  'perfusion by its ImageType': 'perfusion d’après ImageType',
  'its description says susceptibility weighting or T2*': 'sa description dit susceptibilité ou T2*',
  'derived by its ImageType': 'dérivée d’après ImageType',
  'angiography or projection by its ImageType': 'angiographie ou projection d’après ImageType',
  'its description says perfusion': 'sa description dit perfusion',
  'its description says angiography': 'sa description dit angiographie',
  'its description says diffusion': 'sa description dit diffusion',
  'its description says derived': 'sa description dit dérivée',
  'its description says functional imaging': 'sa description dit imagerie fonctionnelle',
  'echo-planar, the same slices many times': 'écho-planaire, les mêmes coupes de nombreuses fois',
  'echo-planar, and no T1, T2 or FLAIR by name': 'écho-planaire, ni T1, ni T2, ni FLAIR par le nom',
  '2-D gradient echo with a repetition time of # ms, as localizers have': 'écho de gradient 2D avec un temps de répétition de # ms, comme les repérages',
  'gradient echo with a long echo time (# ms): T2* contrast': 'écho de gradient à temps d’écho long (# ms) : contraste T2*',
  'a reformat of another series': 'reformatage d’une autre série',
  'only # image(s)': '# image(s) seulement',
};

const KINDS: Readonly<Partial<Record<Kind, string>>> = {
  localizer: 'repérage', diffusion: 'diffusion', perfusion: 'perfusion', swi: 'susceptibilité', derived: 'dérivée', reformat: 'reformatage',
  angiography: 'angiographie', spectroscopy: 'spectroscopie', unknown: 'inconnue',
};

const PATTERNS = Object.entries(FRENCH).map(([english, french]) => ({
  pattern: new RegExp(`^${english.split('#').map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('(.+?)')}$`), french,
}));
const FIGURE = /^\d+\.\d+$/;

/** A reason of the server's in the reader's language; as it came where we have no words for it. */
export function reasonIn(language: Language, reason: string): string {
  if (language === 'en') return reason;
  for (const { pattern, french } of PATTERNS) {
    const [, ...values] = pattern.exec(reason) ?? [undefined];
    // what stands within a reason may be a reason itself
    if (pattern.test(reason)) return french.replaceAll('#', () => { const value = values.shift()!; return FIGURE.test(value) ? value.replace('.', ',') : reasonIn(language, value); });
  }
  return reason;
}

export const kindIn = (language: Language, kind: Kind): string => (language === 'en' ? undefined : KINDS[kind]) ?? kind;
