import { Router, type Request, type Response } from 'express';
import helmet from 'helmet';
import { requires } from './access.ts';

/** Our own pages; `pages/build.ts` makes a script and a style sheet of each name. */
const PAGES = {
  '/dashboard': { name: 'dashboard', title: { en: 'Dashboard', fr: 'Tableau de bord' } },
  '/dashboard/runs': { name: 'dashboard', title: { en: 'Runs', fr: 'Calculs' } },
  '/dashboard/runs/:id': { name: 'dashboard', title: { en: 'Run', fr: 'Calcul' } },
  '/work-list': { name: 'work-list', title: { en: 'Work list', fr: 'Liste de travail' } },
} as const;

/** Nothing inline, nothing evaluated, nothing from another host: OHIF needs more than these pages do. */
const strictPolicy = helmet.contentSecurityPolicy({
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
  },
});

export function pagesRouter(): Router {
  const router = Router();
  for (const [path, { name, title }] of Object.entries(PAGES)) {
    router.get(path, requires('view'), strictPolicy, (req: Request, res: Response) => {
      const language = req.acceptsLanguages('en', 'fr') === 'fr' ? 'fr' : 'en';
      res.set('Cache-Control', 'no-cache').type('html').send(shell(language, name, title[language]));
    });
  }
  return router;
}

const WITHOUT_SCRIPTS = { en: 'This page needs JavaScript.', fr: 'Cette page a besoin de JavaScript.' };

/** The page's script puts in the reader's own language where that differs. */
const shell = (language: 'en' | 'fr', name: string, title: string): string => `<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="dark">
<title>CereBloom · ${title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/plugins/${name}.css">
<script type="module" src="/plugins/${name}.js"></script>
</head>
<body>
<div id="root"></div>
<noscript>${WITHOUT_SCRIPTS[language]}</noscript>
</body>
</html>
`;
