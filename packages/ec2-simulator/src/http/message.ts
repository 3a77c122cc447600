/** What a service sees of an HTTP request. */
export interface HttpRequest {
  method: string;
  url: URL;
  authorization: string | undefined;
  /** `X-Amz-Target`, in which some services are told what is asked. */
  target: string | undefined;
  body: string;
}

/** What is sent back; `null` instead of one means that the connection is cut without a reply. */
export interface Reply {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: Iterable<string>;
}
