const WORDS = {
  en: {
    title: 'Sign in', token: 'Access token', button: 'Sign in', hint: 'Your administrator makes it with npm run tokens.',
    refused: 'This token is unknown, expired or revoked.', throttled: 'Too many attempts. Wait a little, then try again.',
    provider: 'Sign in at {host}', or: 'or with a token', unavailable: 'The identity provider does not answer. Try again, or sign in with a token.',
    noRole: 'You are known, but have no role here. Ask your administrator for one.', notBegun: 'This sign-in was refused or is too old. Please begin again.', goOn: 'Continue',
    notice: 'For research. Not a medical device.',
  },
  fr: {
    title: 'Connexion', token: 'Jeton d’accès', button: 'Se connecter', hint: 'Votre administrateur le crée avec npm run tokens.',
    refused: 'Ce jeton est inconnu, expiré ou révoqué.', throttled: 'Trop d’essais. Patientez un peu, puis réessayez.',
    provider: 'Se connecter avec {host}', or: 'ou avec un jeton', unavailable: 'Le fournisseur d’identité ne répond pas. Réessayez, ou connectez-vous avec un jeton.',
    noRole: 'Vous êtes connu, mais sans rôle ici. Demandez-en un à votre administrateur.', notBegun: 'Cette connexion a été refusée ou est trop ancienne. Recommencez.', goOn: 'Continuer',
    notice: 'Pour la recherche. N’est pas un dispositif médical.',
  },
} as const;

export type SignInMessage = 'refused' | 'throttled' | 'unavailable' | 'noRole' | 'notBegun';

/**
 * @param next a path of this server.
 * @param provider host of the identity provider, where there is one.
 */
export function signInPage(language: keyof typeof WORDS, next: string, message: SignInMessage | undefined, provider: string | undefined): string {
  const words = WORDS[language];
  return page(language, '', `<h1><span>Cere</span>Bloom</h1>
${message ? `<p class="refused" role="alert">${words[message]}</p>` : ''}
${provider === undefined ? '' : `<a class="provider" href="/sign-in/provider?next=${encodeURIComponent(next)}">${escapeHtml(words.provider.replace('{host}', () => provider))}</a>
<p class="or">${words.or}</p>`}
<form method="post" action="/sign-in">
<input type="hidden" name="next" value="${escapeHtml(next)}">
<label for="token">${words.token}</label>
<input id="token" name="token" type="password" autocomplete="current-password" required${provider === undefined ? ' autofocus' : ''} spellcheck="false">
<p>${words.hint}</p>
<button type="submit">${words.button}</button>
</form>
<p class="notice">${words.notice}</p>`);
}

/** Leads on by itself. @param to a path of this server, or the provider's address. */
export const goOnPage = (language: keyof typeof WORDS, to: string): string =>
  page(language, `<meta http-equiv="refresh" content="0;url=${escapeHtml(to)}">`, `<a class="provider" href="${escapeHtml(to)}">${WORDS[language].goOn}</a>`);

function page(language: keyof typeof WORDS, head: string, main: string): string {
  return `<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
${head}
<title>CereBloom · ${WORDS[language].title}</title>
<style>
  :root { color-scheme: dark; }
  body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: #05071a; color: #e8ecf8; font: 15px/1.5 system-ui, sans-serif; }
  main { width: min(24rem, calc(100vw - 3rem)); background: #0d1136; border: 1px solid #2a3170; border-radius: 8px; padding: 2rem; }
  h1 { margin: 0 0 1.5rem; font-size: 1.35rem; font-weight: 600; }
  h1 span { color: #5acce6; }
  label { display: block; margin-bottom: .35rem; }
  input { width: 100%; box-sizing: border-box; padding: .6rem .7rem; border: 1px solid #3a4390; border-radius: 4px; background: #05071a; color: inherit; font: inherit; }
  input:focus, button:focus-visible { outline: 2px solid #5acce6; outline-offset: 1px; }
  a.provider { display: block; padding: .65rem; border-radius: 4px; background: #5acce6; color: #04101c; font-weight: 600; text-align: center; text-decoration: none; }
  a.provider:focus-visible { outline: 2px solid #5acce6; outline-offset: 1px; }
  .or { margin: 1rem 0; text-align: center; }
  button { width: 100%; margin-top: 1rem; padding: .65rem; border: 0; border-radius: 4px; background: #5acce6; color: #04101c; font: inherit; font-weight: 600; cursor: pointer; }
  p { margin: .5rem 0 0; color: #a7b0d8; font-size: .87rem; }
  .refused { color: #ffb4a8; margin: 0 0 1rem; font-size: .95rem; }
  .notice { margin-top: 1.5rem; }
</style>
</head>
<body>
<main>
${main}
</main>
</body>
</html>
`;
}

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, char => `&#${char.charCodeAt(0)};`);
