import { BackendError, type BackendErrorCode } from "../backend.js";

const UNREACHABLE = new Set(
  "ECONNREFUSED ECONNRESET EPIPE ETIMEDOUT ENOTFOUND EAI_AGAIN EHOSTUNREACH ENETUNREACH".split(" "),
);
const THROTTLED = new Set(
  "RequestLimitExceeded Throttling ThrottlingException RequestThrottled SlowDown PriorRequestNotComplete EC2ThrottledException".split(
    " ",
  ),
);
/** There is no room in this zone for this type; another zone or type may have some. */
const CAPACITY = new Set(
  "InsufficientInstanceCapacity InsufficientHostCapacity InsufficientCapacity SpotMaxPriceTooLow InsufficientFreeAddressesInSubnet".split(
    " ",
  ),
);
/** The account may have no more of this type, in whichever zone. */
const LIMITS = new Set(
  "InstanceLimitExceeded VcpuLimitExceeded MaxSpotInstanceCountExceeded SpotInstanceCountExceeded".split(" "),
);
const REFUSED = new Set(
  "UnauthorizedOperation AuthFailure AccessDenied SignatureDoesNotMatch InvalidClientTokenId OptInRequired Blocked".split(
    " ",
  ),
);
/** What can only be mended in the spec or the configuration. */
const INVALID =
  /^(InvalidParameter|InvalidSubnet|InvalidGroup|InvalidSecurityGroup|InvalidKeyPair|InvalidLaunchTemplate|InvalidUserData|InvalidBlockDevice|InvalidZone|InvalidInput|InvalidIamInstanceProfile|Missing|Unsupported|UnknownParameter|ValidationError|VolumeTypeNotAvailableInZone|NoSuchHostedZone|TagLimitExceeded|InvalidTag)/;

const LONGEST_MESSAGE = 500;
const SHORTEST_SECRET = 4;

/** The provider's code, or that of the connection. */
export function codeOf(error: unknown): string {
  const { name, code, Code } = error as { name?: unknown; code?: unknown; Code?: unknown };
  if (typeof code === "string" && UNREACHABLE.has(code)) return code;
  return typeof Code === "string" ? Code : typeof name === "string" ? name : "Error";
}

export function isCapacity(code: string): boolean {
  return CAPACITY.has(code);
}

export function isLimit(code: string): boolean {
  return LIMITS.has(code);
}

export function isThrottle(code: string): boolean {
  return THROTTLED.has(code);
}

/**
 * What a failure means. The SDK's error is never the `cause`: it carries the reply and sometimes parts of the
 * signed request.
 */
export function failureOf(what: string, error: unknown, secrets: readonly string[] = []): BackendError {
  if (error instanceof BackendError) return error;
  const providerCode = codeOf(error);
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode ?? null;
  const [code, kind] = meaningOf(providerCode, status);
  const text =
    code === "backend_unreachable"
      ? "AWS can't be reached"
      : scrub(String((error as { message?: unknown }).message ?? error), secrets);
  return new BackendError(code, kind, `${what}: ${text}`, { providerCode });
}

function meaningOf(code: string, status: number | null): [BackendErrorCode, "transient" | "permanent"] {
  if (code === "AbortError") return ["aborted", "transient"];
  if (code === "TimeoutError" || code === "RequestTimeout") return ["backend_timeout", "transient"];
  if (UNREACHABLE.has(code)) return ["backend_unreachable", "transient"];
  if (THROTTLED.has(code)) return ["throttled", "transient"];
  if (CAPACITY.has(code)) return ["capacity", "transient"];
  if (code === "OperationNotPermitted") return ["termination_protected", "transient"];
  if (REFUSED.has(code)) return ["backend_failed", "permanent"];
  if (code.startsWith("InvalidAMIID")) return ["image_not_found", "permanent"];
  if (code.endsWith(".Malformed") || (INVALID.test(code) && (status ?? 400) < 500))
    return ["invalid_spec", "permanent"];
  return ["backend_failed", "transient"];
}

/** The provider's words in one short line, without what must not be seen. */
function scrub(text: string, secrets: readonly string[]): string {
  // The longest first: one may be a part of another.
  const known = secrets
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .toSorted((a, b) => b.length - a.length);
  return known
    .reduce((rest, secret) => rest.replaceAll(secret, "[redacted]"), text)
    .replaceAll(/\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{8,}\b/g, "[redacted]")
    .replaceAll(/(Encoded authorization failure message:|Signature=|Credential=)\s*\S+/gi, "$1 [redacted]")
    .replaceAll(/The Canonical String[\s\S]*/g, "[redacted]")
    .replaceAll(/\s+/g, " ")
    .trim()
    .slice(0, LONGEST_MESSAGE);
}
