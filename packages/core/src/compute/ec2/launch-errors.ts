import type { BackendErrorCode } from "../backend-error.js";

/**
 * What a refusal is about, and so where to ask next:
 * `pair` this type in this zone; `subnet` that one alone; `zone` every type there; `type` that type in every zone;
 * `request` it as a whole, wherever it is sent.
 */
export type Scope = "pair" | "subnet" | "zone" | "type" | "request";

/** How a refusal is to be taken; {@link MEANINGS} says what of it goes into a BackendError. */
export type Meaning = keyof typeof MEANINGS;

/** [code, kind, passing] of a {@link BackendError}. */
export const MEANINGS = {
  /** There is none now and there may be some later. */
  no_room: ["capacity", "transient", true],
  /** What the account may have is in use. It passes when others end theirs, or AWS raises it. */
  quota: ["quota", "transient", true],
  /** That combination doesn't exist; another may. Where none is left, only another spec helps. */
  unsupported: ["invalid_spec", "permanent", false],
  /** The SDK asks for new credentials by itself, or a clock is set right: soon another try may do. */
  stale_credentials: ["credentials", "transient", true],
  /** Somebody has to grant, pay or confirm something, and the same request succeeds then. */
  refused: ["credentials", "permanent", true],
  /** It is being made, or was just made. */
  image_not_ready: ["image_not_found", "permanent", true],
  no_image: ["image_not_found", "permanent", false],
  /** Only another spec or another setting helps. */
  invalid: ["invalid_spec", "permanent", false],
  /** Tried again after a while; also what isn't known. */
  wait: ["backend_failed", "transient", true],
  throttled: ["throttled", "transient", true],
  timeout: ["backend_timeout", "transient", true],
  unreachable: ["backend_unreachable", "transient", true],
  aborted: ["aborted", "transient", true],
  protected: ["termination_protected", "transient", true],
} as const satisfies Record<string, readonly [BackendErrorCode, "transient" | "permanent", boolean]>;

/** Why a type was refused in a zone, as far as another type or zone may do better. */
export type Lack = Extract<Meaning, "no_room" | "quota" | "unsupported">;

/** A launch that was refused where another might not be, in AWS's own words. */
export interface Refusal {
  lack: Lack;
  scope: Scope;
  code: string;
  message: string;
}

/** One code of AWS. Sources as in docs/facts.md: [D] AWS's list of error codes, [I] issue threads, [M] memory. */
export type Row = readonly [code: string, scope: Scope, meaning: Meaning];

/**
 * Every code that RunInstances, CreateVolume and AttachVolume are known to be refused with, by what it can mean.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
 */
export const LAUNCH_ERRORS: readonly Row[] = [
  // No room. HTTP 500 [I], so the SDK takes them for failures of AWS and would try again by itself.
  ["InsufficientInstanceCapacity", "pair", "no_room"],
  ["InsufficientCapacity", "pair", "no_room"],
  ["InsufficientHostCapacity", "pair", "no_room"],
  ["InsufficientCapacityOnHost", "pair", "no_room"],
  ["InsufficientReservedInstanceCapacity", "pair", "no_room"],
  ["ReservationCapacityExceeded", "pair", "no_room"],
  ["UnavailableHostRequirements", "pair", "no_room"],
  ["UnfulfillableCapacity", "pair", "no_room"],
  // The spot price of each type and zone moves by itself [D].
  ["SpotMaxPriceTooLow", "pair", "no_room"],
  // Of the subnet's block; stopped instances hold theirs too [D].
  ["InsufficientFreeAddressesInSubnet", "subnet", "no_room"],
  ["InsufficientAddressCapacity", "zone", "no_room"],
  ["InsufficientVolumeCapacity", "zone", "no_room"],

  // Quotas. Those of instances count by family of types, so another type may do; those of spot apart from the others.
  ["InstanceLimitExceeded", "type", "quota"],
  ["VcpuLimitExceeded", "type", "quota"],
  ["MaxSpotInstanceCountExceeded", "type", "quota"],
  ["SpotInstanceCountExceeded", "type", "quota"],
  ["VolumeLimitExceeded", "request", "quota"],
  ["MaxIOPSLimitExceeded", "request", "quota"],
  ["VolumeIOPSLimit", "request", "quota"],
  ["NetworkInterfaceLimitExceeded", "request", "quota"],
  ["AddressLimitExceeded", "request", "quota"],
  ["ResourceLimitExceeded", "request", "quota"],
  ["ResourceCountExceeded", "request", "quota"],
  ["HostLimitExceeded", "request", "quota"],

  // "An Availability Zone that currently has constraints on that instance type" [D], or one that never had it [I]. The
  // same code says that the image, the tenancy or the boot mode doesn't go with the type: the message alone tells.
  ["Unsupported", "pair", "unsupported"],
  ["InvalidSubnetID.NotFound", "subnet", "unsupported"],
  ["VolumeTypeNotAvailableInZone", "zone", "unsupported"],
  ["InvalidZone.NotFound", "zone", "unsupported"],
  ["InvalidAvailabilityZone", "zone", "unsupported"],
  // "An instance type that is not supported by the specified AMI" [D]; of AttachVolume a state.
  ["UnsupportedOperation", "type", "unsupported"],
  ["InvalidInstanceType", "type", "unsupported"],
  ["EncryptedVolumesNotSupported", "type", "unsupported"],
  ["UnsupportedInstanceTypeOnHost", "type", "unsupported"],
  ["AttachmentLimitExceeded", "type", "unsupported"],
  // The name of a type that doesn't exist, an architecture that isn't the image's, more interfaces than the type has
  // [I]; as well as anything else that is wrong with the request. The next types tell which: a call each.
  ["InvalidParameterValue", "type", "unsupported"],
  ["InvalidParameterCombination", "type", "unsupported"],

  // Credentials. `RequestExpired` and `AuthFailure` are also what a wrong clock leads to [D].
  ["ExpiredToken", "request", "stale_credentials"],
  ["ExpiredTokenException", "request", "stale_credentials"],
  ["RequestExpired", "request", "stale_credentials"],
  ["InvalidSecurity.RequestHasExpired", "request", "stale_credentials"],
  // The SDK found none, or the metadata service didn't answer.
  ["CredentialsProviderError", "request", "stale_credentials"],
  ["TokenProviderError", "request", "stale_credentials"],
  ["AuthFailure", "request", "refused"],
  ["UnauthorizedOperation", "request", "refused"],
  ["AccessDenied", "request", "refused"],
  ["AccessDeniedException", "request", "refused"],
  ["SignatureDoesNotMatch", "request", "refused"],
  ["IncompleteSignature", "request", "refused"],
  ["InvalidClientTokenId", "request", "refused"],
  ["UnrecognizedClientException", "request", "refused"],
  ["MissingAuthenticationToken", "request", "refused"],
  ["OptInRequired", "request", "refused"],
  ["PendingVerification", "request", "refused"],
  ["Blocked", "request", "refused"],
  // Spot needs a service-linked role, which the first request makes if it may [D].
  ["AuthFailure.ServiceLinkedRoleCreationNotPermitted", "request", "refused"],
  ["CustomerKeyHasBeenRevoked", "request", "refused"],

  // Images. A new one is `pending` for minutes, and one from another account may be shared later [D].
  ["InvalidAMIID.Unavailable", "request", "image_not_ready"],
  ["InvalidAMIID.NotFound", "request", "no_image"],
  ["InvalidAMIID.Malformed", "request", "no_image"],

  // What the spec or the settings name and isn't there. A thing just made may be unknown for a moment [D], but nobody
  // launches with it in that moment again and again.
  ["InvalidGroup.NotFound", "request", "invalid"],
  ["InvalidSecurityGroupID.NotFound", "request", "invalid"],
  ["InvalidKeyPair.NotFound", "request", "invalid"],
  ["InvalidLaunchTemplateId.NotFound", "request", "invalid"],
  ["InvalidLaunchTemplateId.VersionNotFound", "request", "invalid"],
  ["InvalidLaunchTemplateName.NotFoundException", "request", "invalid"],
  ["InvalidIamInstanceProfileArn.Malformed", "request", "invalid"],
  ["InvalidPlacementGroup.Unknown", "request", "invalid"],
  ["InvalidSnapshot.NotFound", "request", "invalid"],
  ["InvalidBlockDeviceMapping", "request", "invalid"],
  ["InvalidUserData.Malformed", "request", "invalid"],
  ["InvalidTagKey.Malformed", "request", "invalid"],
  ["InvalidVolume.ZoneMismatch", "request", "invalid"],
  ["SecurityGroupsPerInstanceLimitExceeded", "request", "invalid"],
  ["SecurityGroupsPerInterfaceLimitExceeded", "request", "invalid"],
  ["BootForVolumeTypeUnsupported", "request", "invalid"],
  ["UnknownVolumeType", "request", "invalid"],
  ["VPCIdNotSpecified", "request", "invalid"],
  ["VPCResourceNotSpecified", "request", "invalid"],
  ["DefaultVpcDoesNotExist", "request", "invalid"],
  ["MissingParameter", "request", "invalid"],
  ["UnknownParameter", "request", "invalid"],
  ["ValidationError", "request", "invalid"],
  ["TagLimitExceeded", "request", "invalid"],
  ["NoSuchHostedZone", "request", "invalid"],

  // AWS's own troubles, and races with other requests.
  ["InternalError", "request", "wait"],
  ["InternalFailure", "request", "wait"],
  ["ServerInternal", "request", "wait"],
  ["ServiceUnavailable", "request", "wait"],
  ["Unavailable", "request", "wait"],
  ["ConcurrentTagAccess", "request", "wait"],
  ["IncorrectState", "request", "wait"],
  ["IncorrectInstanceState", "request", "wait"],
  ["CreditSpecificationUpdateInProgress", "request", "wait"],
  ["RequestLimitExceeded", "request", "throttled"],
  ["Throttling", "request", "throttled"],
  ["ThrottlingException", "request", "throttled"],
  ["RequestThrottled", "request", "throttled"],
  ["SlowDown", "request", "throttled"],
  ["PriorRequestNotComplete", "request", "throttled"],
  ["EC2ThrottledException", "request", "throttled"],
  ["RequestTimeout", "request", "timeout"],
  ["TimeoutError", "request", "timeout"],
  ["AbortError", "request", "aborted"],
  ["OperationNotPermitted", "request", "protected"],
];

const BY_CODE: ReadonlyMap<string, { scope: Scope; meaning: Meaning }> = new Map(
  LAUNCH_ERRORS.map(([code, scope, meaning]) => [code, { scope, meaning }]),
);

/** Of codes that aren't listed: AWS adds some without a word. */
const INVALID = /^(Invalid|Missing|Malformed|Unknown|Unsupported|NoSuch)|\.(Malformed|NotFound)$/;
/** Quotas of many things are called so [D]. */
const QUOTA = /LimitExceeded$|CountExceeded$/;

/** What a code of AWS is about and means; `status` is that of the answer, null if none came. */
export function refusalOf(code: string, status: number | null): { scope: Scope; meaning: Meaning } {
  const known = BY_CODE.get(code);
  if (known !== undefined) return known;
  if (code.startsWith("InvalidAMIID")) return { scope: "request", meaning: "no_image" };
  if (QUOTA.test(code)) return { scope: "request", meaning: "quota" };
  const meaning = INVALID.test(code) && (status ?? 400) < 500 ? "invalid" : "wait";
  return { scope: "request", meaning };
}

/** The refusal of a launch of which another type or zone may do better; null for any other failure. */
export function lackOf(code: string, status: number | null, message: string): Refusal | null {
  const { scope, meaning } = refusalOf(code, status);
  if (scope === "request" || !isLack(meaning)) return null;
  return { lack: meaning, scope, code, message };
}

function isLack(meaning: Meaning): meaning is Lack {
  return meaning === "no_room" || meaning === "quota" || meaning === "unsupported";
}
