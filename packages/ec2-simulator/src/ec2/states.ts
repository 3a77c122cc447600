/** Instance states with the low byte of their codes (docs/ec2-facts.md, States). */
export const INSTANCE_STATE_CODES = {
  pending: 0,
  running: 16,
  "shutting-down": 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
} as const;
export type InstanceState = keyof typeof INSTANCE_STATE_CODES;

export type VolumeState = "creating" | "available" | "in-use" | "deleting" | "deleted";
export type AttachmentState = "attaching" | "attached" | "detaching";
