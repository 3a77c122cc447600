import type { Spec as CoreSpec } from "@berth/core/domain/spec";
import { MAX_VARIABLES } from "@berth/core/domain/secrets";
import { READINESS } from "@berth/core/domain/spec";
import Type, { type TSchema } from "typebox";
import { strictObject } from "./common.js";
import { Ec2 } from "./ec2.js";
import { expecting } from "./expected.js";

const KIB = 1024;
const MAX_TEXT_BYTES = 32 * KIB;

/** Host or IPv4 with port, path, tag and digest, as `distribution/reference` has them. */
const IMAGE =
  "^(?=[^]{1,255}$)" +
  "(?:(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9\\-]*[A-Za-z0-9])(?:\\.(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9\\-]*[A-Za-z0-9]))*(?::[0-9]{1,5})?/)?" +
  "[a-z0-9]+(?:(?:\\.|__?|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\\.|__?|-+)[a-z0-9]+)*)*" +
  "(?::[A-Za-z0-9_][A-Za-z0-9_.\\-]{0,127})?" +
  "(?:@[A-Za-z][A-Za-z0-9]*(?:[\\-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?$";
const ENV_KEY = "^(?!BERTH_)[A-Za-z_][A-Za-z0-9_]{0,127}$";
/** What CreateSecret takes, with or without what an ARN has before it. */
const SECRET_ID =
  "^(?:arn:aws[a-z-]{0,20}:secretsmanager:[a-z0-9-]{1,40}:[0-9]{12}:secret:)?[A-Za-z0-9/_+=.@-]{1,519}$";
/** Normalised and absolute; Docker's own mount syntax gives `:` and `,` a meaning. */
const VOLUME_PATH = "^(?=[^]{2,1024}$)(?:/(?!\\.\\.?(?:/|$))[^/:,\\u0000-\\u001f\\u007f-\\u009f]+)+$";

const text = (expected: string) =>
  expecting(
    expected,
    Type.Refine(
      Type.String({ pattern: "^[^\\u0000]*$" }),
      (value) => Buffer.byteLength(value) <= MAX_TEXT_BYTES,
      () => expected,
    ),
  );

const REFERENCE_TEXT =
  '{"secretRef": {"file": "name"}}, {"secretRef": {"env": "NAME"}} or, with backend "ec2", ' +
  '{"secretRef": {"ssm": "/name"}} or {"secretRef": {"secretsManager": "name or ARN"}}';
const Reference = Type.Object(
  {
    secretRef: Type.Union([
      Type.Object(
        {
          file: expecting(
            "the name of a file: 1 to 128 of A-Z, a-z, 0-9, ., _ and -, no dot first",
            Type.String({ pattern: "^(?!\\.)[A-Za-z0-9._-]{1,128}$" }),
          ),
        },
        { additionalProperties: false },
      ),
      Type.Object(
        { env: expecting("the name of a variable, not BERTH_…", Type.String({ pattern: ENV_KEY })) },
        { additionalProperties: false },
      ),
      Type.Object(
        {
          ssm: expecting(
            "the name of a parameter of Systems Manager, such as /berth/db, with :version or :label if need be",
            Type.String({ pattern: "^[A-Za-z0-9_./-]{1,1011}(?::[A-Za-z0-9_.-]{1,100})?$" }),
          ),
        },
        { additionalProperties: false },
      ),
      Type.Object(
        {
          secretsManager: expecting(
            "the name or the ARN of a secret of Secrets Manager",
            Type.String({ pattern: SECRET_ID }),
          ),
        },
        { additionalProperties: false },
      ),
    ]),
  },
  {
    additionalProperties: false,
    description:
      "What only the worker looks up, at each launch: a file in its `BERTH_SECRETS_DIR`, or a variable of its own " +
      "that `BERTH_SECRETS_ENV_PREFIX` lets out; with `ec2` a parameter of Systems Manager or a secret of Secrets Manager, " +
      "in the account of the workspace's place, that `BERTH_SECRETS_AWS_PREFIX` lets out.",
  },
);
const Hidden = Type.Object(
  { hidden: Type.Literal(true) },
  {
    additionalProperties: false,
    description: "Stands for a value that is kept and never shown. In a change: what is kept stays.",
  },
);
const VALUE = "text of at most 32 KiB without NUL";
const value = text(VALUE);
const Marked = Type.Object(
  { secret: value },
  { additionalProperties: false, description: "A text that is shown to nobody once it is written." },
);

/** Of a spec, with what its command and its environment may hold. */
const specOf = <Argument extends TSchema, Value extends TSchema>(
  { argument, variable }: { argument: Argument; variable: Value },
  description: string,
) =>
  strictObject(
    {
      image: Type.Optional(
        expecting(
          "a container image of at most 255 characters, such as debian:12 or registry.local:5000/team/app@sha256:…",
          Type.String({ pattern: IMAGE, description: "Container image (`docker`). Needed by `docker`." }),
        ),
      ),
      command: Type.Optional(
        expecting(
          'a list of 1 to 256 arguments, such as ["sleep", "3600"]',
          Type.Array(argument, {
            minItems: 1,
            maxItems: 256,
            description:
              "Argument vector; no shell reads it. Its program, the first, is plain text. Needed by `process`.",
          }),
        ),
      ),
      env: Type.Optional(
        expecting(
          `at most ${MAX_VARIABLES} variables with names of A-Z, a-z, 0-9 and _ (at most 128, no digit first, not BERTH_…)`,
          Type.Record(Type.String({ pattern: ENV_KEY }), variable, {
            maxProperties: MAX_VARIABLES,
            additionalProperties: false,
            description: "Environment variables. Those that begin with BERTH_ are Berth's own.",
          }),
        ),
      ),
      tier: Type.Optional(
        expecting(
          "1, 2 or 3",
          Type.Enum([1, 2, 3], { description: "Memory, CPU and process limits: see the documentation." }),
        ),
      ),
      memory_mb: Type.Optional(
        expecting(
          "a whole number of MiB from 6 to 1048576",
          Type.Integer({ minimum: 6, maximum: 2 ** 20, description: "MiB; overrides the tier's." }),
        ),
      ),
      cpus: Type.Optional(
        expecting(
          "a number of cores from 0.01 to 1024",
          Type.Number({ minimum: 0.01, maximum: 1024, description: "Cores; overrides the tier's." }),
        ),
      ),
      pids_limit: Type.Optional(
        expecting(
          "a whole number from 1 to 4194304",
          Type.Integer({ minimum: 1, maximum: 2 ** 22, description: "Processes; overrides the tier's." }),
        ),
      ),
      volume_path: Type.Optional(
        expecting(
          "an absolute path such as /workspace: no empty, . or .. part, no colon, comma or control character",
          Type.String({ pattern: VOLUME_PATH, description: "Where the volume is. Default `/workspace`." }),
        ),
      ),
      readiness: Type.Optional(
        Type.Enum([...READINESS], {
          description: "When a launch counts as started: its agent has registered, or its instance runs.",
        }),
      ),
      ec2: Type.Optional(Ec2),
    } satisfies Record<keyof CoreSpec, TSchema>,
    { description },
  );

/** As it is made. */
export const Spec = specOf(
  {
    argument: expecting(
      `${VALUE}, {"secret": "…"}, ${REFERENCE_TEXT}`,
      Type.Union([value, Marked, Reference]),
    ),
    variable: expecting(`${VALUE}, ${REFERENCE_TEXT}`, Type.Union([value, Reference])),
  },
  "What the workspace runs.",
);

/** As it is changed. */
export const SpecChange = specOf(
  {
    argument: expecting(
      `${VALUE}, {"secret": "…"}, {"hidden": true}, ${REFERENCE_TEXT}`,
      Type.Union([value, Marked, Reference, Hidden]),
    ),
    variable: expecting(
      `${VALUE}, {"hidden": true}, null, ${REFERENCE_TEXT}`,
      Type.Union([value, Reference, Hidden, Type.Null()]),
    ),
  },
  "What the workspace runs from its next launch on. Of `env`, what isn't given stays as it is, as do names with " +
    '`{"hidden": true}`; null takes a name away. A hidden argument of the command stays at its place. All else is replaced.',
);

/** As it is answered: `env` has all its names and no value. */
export const ShownSpec = specOf(
  {
    argument: Type.Union([value, Reference, Hidden]),
    variable: Type.Union([Reference, Hidden]),
  },
  'What the workspace runs. Values of `env` and secrets of `command` are never shown: `{"hidden": true}` stands for each.',
);
