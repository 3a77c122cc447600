/**
 * HTTP statuses that aren't 400. Sources: docs/ec2-facts.md for capacity (500) and throttling (503), AWS's list of
 * common errors for the rest.
 */
const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  AuthFailure: 401,
  MissingAuthenticationToken: 403,
  SignatureDoesNotMatch: 403,
  UnauthorizedOperation: 403,
  NoSuchHostedZone: 404,
  NoSuchChange: 404,
  DryRunOperation: 412,
  RequestEntityTooLarge: 413,
  InsufficientInstanceCapacity: 500,
  InternalError: 500,
  InternalFailure: 500,
  RequestLimitExceeded: 503,
  ServiceUnavailable: 503,
  Unavailable: 503,
};

/** A failure as AWS words it. Everything thrown on purpose while a call is served is one of these. */
export class AwsError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status: number = statusOf(code)) {
    super(message);
    this.name = "AwsError";
    this.code = code;
    this.status = status;
  }
}

/** The HTTP status that AWS sends with this error code; 400 unless known otherwise. */
export function statusOf(code: string): number {
  return STATUS_BY_CODE[code] ?? 400;
}

export function missingParameter(name: string): AwsError {
  return new AwsError("MissingParameter", `The request must contain the parameter ${name}`);
}

export function invalidValue(name: string, value: string, expectation: string): AwsError {
  const shown = value.length > 100 ? `${value.slice(0, 100)}…` : value;
  return new AwsError(
    "InvalidParameterValue",
    `Value (${shown}) for parameter ${name} is invalid. ${expectation}`,
  );
}
