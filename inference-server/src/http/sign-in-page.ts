const WORDS = {
  en: {
    title: 'Sign in', token: 'Access token', button: 'Sign in', hint: 'Your administrator makes it with npm run tokens.',
    refused: 'This token is unknown, expired or revoked.', throttled: 'Too many attempts. Wait a little, then try again.',
    notice: 'For research. Not a medical device.',
  },
  fr: {
    title: 'Connexion', token: 'Jeton d’accès', button: 'Se connecter', hint: 'Votre administrateur le crée avec npm run tokens.',
    refused: 'Ce jeton est inconnu, expiré ou révoqué.', throttled: 'Trop d’essais. Patientez un peu, puis réessayez.',
    notice: 'Pour la recherche. N’est pas un dispositif médical.',
  },
} as const;

/** @param next a path of this server. */
export function signInPage(language: keyof typeof WORDS, next: string, message: 'refused' | 'throttled' | undefined): string {
  const words = WORDS[language];
  return `<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>CereBloom · ${words.title}</title>
<style>
  :root { color-scheme: dark; }
  body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: #05071a; color: #e8ecf8; font: 15px/1.5 system-ui, sans-serif; }
  main { width: min(24rem, calc(100vw - 3rem)); background: #0d1136; border: 1px solid #2a3170; border-radius: 8px; padding: 2rem; }
  h1 { margin: 0 0 1.5rem; font-size: 1.35rem; font-weight: 600; }
  h1 span { color: #5acce6; }
  label { display: block; margin-bottom: .35rem; }
  input { width: 100%; box-sizing: border-box; padding: .6rem .7rem; border: 1px solid #3a4390; border-radius: 4px; background: #05071a; color: inherit; font: inherit; }
  input:focus, button:focus-visible { outline: 2px solid #5acce6; outline-offset: 1px; }
  button { width: 100%; margin-top: 1rem; padding: .65rem; border: 0; border-radius: 4px; background: #348cfd; color: #fff; font: inherit; font-weight: 600; cursor: pointer; }
  p { margin: .5rem 0 0; color: #a7b0d8; font-size: .87rem; }
  .refused { color: #ffb4a8; margin: 0 0 1rem; font-size: .95rem; }
  .notice { margin-top: 1.5rem; }
</style>
</head>
<body>
<main>
<h1><span>Cere</span>Bloom</h1>
${message ? `<p class="refused" role="alert">${words[message]}</p>` : ''}
<form method="post" action="/sign-in">
<input type="hidden" name="next" value="${escapeHtml(next)}">
<label for="token">${words.token}</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus spellcheck="false">
<p>${words.hint}</p>
<button type="submit">${words.button}</button>
</form>
<p class="notice">${words.notice}</p>
</main>
</body>
</html>
`;
}

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, char => `&#${char.charCodeAt(0)};`);
