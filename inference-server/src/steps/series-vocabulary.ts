/**
 * Words of series descriptions, protocol and sequence names, English, French, German and Spanish,
 * as scanners of Siemens, GE, Philips, Canon and United Imaging name them.
 * Matched against lower-case text without accents in which everything but letters and digits is one space.
 */
export const WORDS = {
  localizer: /\b(loc|locali[sz]er|localizador|localisateur|scout|survey|surv|locator|reperage|topogram|plan scan|aahead|aahscout|3 ?plane|3 ?plan|tri ?plan|ubersicht|smartbrain|ref(erence)?|sense ?ref\w*|coil ?survey|calib\w*|asset|prescan|shim\w*)\b/,
  diffusion: /\b(dwi|dti|diff|diffusion|difusion|dif|ep2d diff|adc|trace|tracew|fa|b ?0|b ?1000|b ?500|eadc|exp(onential)? ?apparent|colfa|tensor|dki|dsi|hardi|resolve|isodwi)\b|diff/,
  perfusion: /\b(perf|perfusion|pwi|dsc|dce|asl|pasl|pcasl|rcbv|rcbf|cbv|cbf|mtt|ttp|tmax|cine ?perf|dynasuvue|perfusao)\b/,
  swi: /\b(swi|swan|swip|swibp|mpgr|sw|ven ?bold|susc|susceptib\w*|t2 ?(star|\*)|t2s|gre ?t2|hemo|hemosid\w*|mip ?swi|fsbb|gradient echo t2|mag images|pha images|qsm|epi ?gre)\b/,
  angiography: /\b(mra|tof\w*|angio\w*|arterio\w*|mrv|pc ?(3d|2d)?|venogra\w*|willis|carotid\w*|inhance|fl3d? ?tof|trance|phleb\w*|twist|time ?of ?flight)\b/,
  spectroscopy: /\b(mrs|csi|svs|spectro\w*|spektro\w*|espectro\w*|press ?te?\d*|laser ?cho|single ?voxel|multi ?voxel)\b/,
  derived: /\b(sub|subtract\w*|subtraktion|soustraction|sustraccion|sub ?traction|mip|mpr ?mip|minip|collage|colormap|fused?|fusion|screen ?save|screenshot|report|dose|key ?images?|presentation|t1 ?map|t2 ?map|r2|synthetic|mag ?ic|phase ?map|\w*field ?map\w*|b0 ?map|b1 ?map)\b/,
  reformat: /\b(mpr|mpr ?range|reformat\w*|reform|refmt|rekonstruktion|rfmt|reconstru\w*|recon ?(ax|sag|cor))\b/,
  flair: /\b(\w*flair\w*|tirm|darkfluid|dark ?fluid|da ?fl|drkfl|fluid ?att\w*|t2 ?fl|tir2d1|spcir|vista ?flair|flr)\b|flair|dark ?fluid|\bspcir/,
  /** Balanced steady state: fluid is bright though echo and repetition times are as short as those of T1. */
  balanced: /\b(fiesta\w*|ciss|drive|trufi\w*|true ?fisp|b ?(tfe|ffe)|balanced)\b/,
  /** A part of the body that is not the head. */
  elsewhere: /\b([ctl]? ?spine|hws|bws|lws|rachis|columna|cervical\w*|thoracic|lumbar|lombaire|dorsal|sacr\w*|myelo\w*)\b/,
  head: /\b(head|brain|cerebr\w*|kopf|schadel|hirn|crane|craneo|cerveau|encephal\w*|encefal\w*|neuro\w*)\b/,
  /** Double inversion: neither fluid nor white matter shows, so that it is no FLAIR. */
  doubleInversion: /\b(dir|dir ?(space|3d|sag\w*|ax\w*)|double ?(inversion|ir))\b/,
  functional: /\b(r?f ?mri|bold|resting|rest ?state|finger\w*|motor\w*|language|sprache)\b/,
  t2: /\b(t2\w*|tse ?t2|t2 ?tse|fse ?t2|frfse|t2 ?propeller|t2 ?blade|t2 ?space|t2 ?cube|drive|ciss|fiesta|turbo ?t2)\b|t2/,
  t1: /\b(t1\w*|mprage|mp ?rage|spgr|fspgr|bravo|vibe|tfe|3d ?tfe|flash|fl3d|fl2d|mp2rage|memprage|thrive|lava|isojet|ir ?fspgr|mpr3d|tfl3d\w*|tfl)\b|t1/,
  contrast: /\b(gd|gado\w*|gad|post|postcontr\w*|postgad|postgd|post ?gado?|contr\w*|kontr\w*|contraste|contrasted?|ce|ce?t1|t1c|t1ce|t1 ?c|t1gd|km|mit ?km|nach ?km|kmap?|inj|injec\w*|inyec\w*|apres|enhanced|\+ ?c|c\+|c|iv|cm|mdc|dotarem|gadovist|magnevist|multihance|prohance|clariscan|plus ?c|pst|kontrast\w*)\b/,
  native: /\b(pre|pre ?contr\w*|pre ?gad\w*|pregd|nativ\w*|non ?contr\w*|noncon|without|w ?o|wo|sin ?(gad\w*|contraste|c|civ|iv|gd|inj\w*)|sans ?(inj\w*|gado?\w*|contraste|iv)|(ohne|o) ?(km|kontrast\w*)|plain|unenhanced|simple|avant ?(inj\w*|gado?)|av ?inj|ss ?(inj|gado?\w*|iv)|no ?contr\w*|vor ?km)\b/,
} as const;

/** As names shorten a medium. */
const MEDIUM = '(?:c|civ|iv|gd|gado|km|inj)';

/**
 * Lower case, no accents; `+c`, `c+`, `t2*` keep their meaning as words before the rest becomes spaces, and so do a minus that
 * stands by itself (` -C`, `IV- `) and the Spanish and French `s/c` (sin, sans).
 */
export function wordsOf(...texts: readonly string[]): string {
  return texts.join(' | ')
    .normalize('NFD').replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/(\+\s*c|c\s*\+|\+\s*gd|gd\s*\+)(?![a-z])/g, ' gd ')
    .replace(new RegExp(`(^|[\\s|])-${MEDIUM}(?![a-z])`, 'g'), '$1 noncon ')
    .replace(new RegExp(`\\b${MEDIUM}-(?=$|[\\s|])`, 'g'), ' noncon ')
    .replace(new RegExp(`\\bs\\s*/\\s*(?=${MEDIUM}(?![a-z]))`, 'g'), ' sin ')
    .replace(/t2\s*\*/g, ' t2star ')
    .replace(/w\s*\/\s*o/g, ' wo ')
    .replace(/[^a-z0-9|]+/g, ' ')
    .trim();
}
