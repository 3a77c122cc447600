/** How a provider's backends tell that a program was ended by a signal, or was lost with its machine. */
const BY_SIGNAL = /^exit (129|137|143|255)\b/;

/**
 * True if whoever runs the machine has ended an instance, and not its program: that says nothing against the program,
 * and is no crash of it.
 * @param reason as a backend's `reasonOf` has it: AWS's own code (`Server.…` is AWS's doing, `Client.…` the account's or
 * the program's), or an exit code with its signal
 * @param together true if others of its place were found ended in the same look: a daemon or a host that went down
 */
export function isEndedFromOutside(reason: string | null, together: boolean): boolean {
  if (reason === null) return together;
  if (reason.includes("out of memory")) return false;
  return (
    reason.startsWith("Server.") || reason.startsWith("exit 143") || (together && BY_SIGNAL.test(reason))
  );
}
