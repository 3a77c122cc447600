import { access, constants } from "node:fs/promises";
import { BackendError } from "../backend-error.js";

/**
 * The child claims its record by itself and then becomes the program, with the same pid. All values are
 * arguments or environment: none is ever a part of a script. Arguments: the claim's file, the ledger row,
 * the program and its arguments.
 */
const SH_SCRIPT = `
{ read -r __berth_boot < /proc/sys/kernel/random/boot_id && read -r __berth_stat < /proc/$$/stat &&
  __berth_is="proc $__berth_boot $__berth_stat"; } 2>/dev/null ||
  __berth_is="ps $(LC_ALL=C TZ=UTC command -p ps -o lstart= -p $$)" || exit 98
printf '%s\\n' "$2 $$ $__berth_is" > "$1.$$" && command -p ln "$1.$$" "$1" 2>/dev/null || exit 97
shift 2
exec "$@"
`;

const PERL_SCRIPT = `
my ($file, $row, @command) = @ARGV;
sub line { open(my $in, "<", $_[0]) or return undef; my $line = <$in>; chomp $line; $line }
my ($boot, $stat) = (line("/proc/sys/kernel/random/boot_id"), line("/proc/$$/stat"));
my $is = "proc $boot $stat";
if (!defined $boot || !defined $stat) {
  local ($ENV{LC_ALL}, $ENV{TZ}) = ("C", "UTC");
  open(my $ps, "-|", "/bin/ps", "-o", "lstart=", "-p", $$) or exit 98;
  $is = <$ps>; close $ps; chomp $is; $is = "ps $is";
}
open(my $out, ">", "$file.$$") or exit 97;
print $out "$row $$ $is\\n" and close $out or exit 97;
link "$file.$$", $file or exit 97;
exec { $command[0] } @command;
print STDERR "$command[0]: $!\\n";
exit 127;
`;

/** A program, and the arguments that come before the claim's file. */
export type Launcher = [string, ...string[]];

/** Exit codes of the launcher itself. */
export const CLAIMED_BY_ANOTHER = 97;
export const NO_IDENTITY = 98;
/** As a shell says that the program can't be run, or isn't there. */
export const CANNOT_RUN: ReadonlySet<number> = new Set([126, 127]);

/** Variables that one shell or another sets, changes or chokes on before the program gets them. */
const SHELL_OWN =
  /^(_|BASH.*|ENV|EUID|GROUPS|IFS|LINENO|OLDPWD|OPTARG|OPTERR|OPTIND|POSIXLY_CORRECT|PPID|PS4|PWD|RANDOM|SECONDS|SHELLOPTS|SHLVL|UID|__berth_.*)$/;
const PLAIN = /^[A-Za-z_][A-Za-z0-9_]*$/;
const PERL = "/usr/bin/perl";

/**
 * The launcher for a program with this environment: `sh`, or perl where a shell would lose or change a
 * variable.
 * @throws BackendError `invalid_spec` where that needs perl and there is none.
 */
export async function launcherFor(env: Readonly<Record<string, string>>): Promise<Launcher> {
  const strange = Object.keys(env).find((key) => !PLAIN.test(key) || SHELL_OWN.test(key));
  if (strange === undefined) return ["/bin/sh", "-c", SH_SCRIPT, "berth-launch"];
  const perl = await access(PERL, constants.X_OK).then(
    () => true,
    () => false,
  );
  // These would make perl itself behave otherwise.
  if (perl && !Object.keys(env).some((key) => key.startsWith("PERL"))) return [PERL, "-e", PERL_SCRIPT, "--"];
  throw new BackendError(
    "invalid_spec",
    "permanent",
    `spec.env key ${JSON.stringify(strange)} can't be handed to a process of this machine`,
  );
}
