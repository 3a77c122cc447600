export const IDEMPOTENCY_KEY = {
  type: "string",
  description:
    "Sent again with the same key within 24 h, the same request is carried out once and given its first answer, also " +
    "after a crash. 1 to 255 visible ASCII characters: a random UUID does.",
  examples: ["6f1c2d8e-2b1f-4f57-9a51-6a1f0b7f3a11"],
};

export const REPLAYED = {
  "Idempotency-Replayed": {
    type: "string",
    description: "`true` if this is the answer that was given before.",
  },
};
