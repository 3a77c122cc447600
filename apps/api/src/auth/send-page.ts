import { randomBytes } from "node:crypto";
import type { FastifyReply } from "fastify";

/** Answers with the login page. */
export type Show = (
  reply: FastifyReply,
  about: { next: string; caller: string | null; trouble: string | null },
) => FastifyReply;

/** Answers with a page that runs nothing. */
export function sendPage(reply: FastifyReply, page: (nonce: string) => string): FastifyReply {
  const nonce = randomBytes(16).toString("base64");
  return (
    reply
      .header(
        "content-security-policy",
        `default-src 'none'; style-src 'nonce-${nonce}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
      )
      // With no-referrer, a browser would send its own form with `Origin: null`.
      .header("referrer-policy", "same-origin")
      .type("text/html; charset=utf-8")
      .serializer((text: string) => text)
      .send(page(nonce))
  );
}
