import { html, Html } from "./html.js";

const STYLE = `
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; color: #1c2430; margin: 15vh auto 0; max-width: 22rem; padding: 0 1rem }
h1 { font-size: 1.5rem } label { display: block; font-weight: 600 } p { color: #5b6675 } .bad { color: #a61b1b }
input { font: inherit; width: 100%; box-sizing: border-box; padding: .5rem; margin: .3rem 0 1rem }
button { font: inherit; padding: .5rem 1.2rem; border: 0; border-radius: .3rem; color: #fff; background: #0b6a6a }
@media (prefers-color-scheme: dark) { body { color: #d9dfe7; background: #14181d } p { color: #95a1b0 } .bad { color: #ff8a8a } a { color: #5cc4c4 } }`;

/** The form, and the way to a provider of logins where there is one; for who is logged in already, the way out as well. */
export function loginPage(
  {
    next,
    caller,
    trouble,
    signOn,
  }: { next: string; caller: string | null; trouble: string | null; signOn: boolean },
  nonce: string,
): string {
  const out = html`<p>You are logged in as ${caller}. <a href="${next}">Go on</a></p>
    <form method="post" action="/logout"><button>Log out</button></form>`;
  const form = html`<form method="post" action="/login">
    <input type="hidden" name="next" value="${next}" />
    <label for="key">API key</label>
    <input id="key" name="key" type="password" autocomplete="current-password" required autofocus />
    <button>Log in</button>
  </form>`;
  const away = html`<p>
    <a href="/login/sign-on?next=${encodeURIComponent(next)}">Log in with single sign-on</a>
  </p>`;
  const refused = html`<p class="bad" role="alert">${trouble}</p>`;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Berth · log in</title>
        <style nonce="${nonce}">
          ${new Html(STYLE)}
        </style>
      </head>
      <body>
        <h1>Berth</h1>
        ${trouble === null ? new Html("") : refused} ${caller === null && signOn ? away : new Html("")}
        ${caller === null ? form : out}
      </body>
    </html>`.text;
}

/**
 * Leads on from a login at a provider. A page and no redirect: a browser takes what a redirect from another site leads to for that
 * site's doing, and leaves the cookie of the login away.
 */
export function onwardPage(next: string): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="refresh" content="0;url=${next}" />
        <title>Berth · logged in</title>
      </head>
      <body>
        <a href="${next}">Go on</a>
      </body>
    </html>`.text;
}
