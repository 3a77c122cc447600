import type { Reply } from "./message.js";

/** What a proxy or a load balancer says where the service should have. */
export function proxyPage(status: number): Reply {
  const title = status === 200 ? "Welcome" : `${status} Bad Gateway`;
  return {
    status,
    headers: { "content-type": "text/html" },
    body: [
      `<html>\n<head><title>${title}</title></head>\n<body><center><h1>${title}</h1></center><hr><p>proxy</p></body>\n</html>\n`,
    ],
  };
}
