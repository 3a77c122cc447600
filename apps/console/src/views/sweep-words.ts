/** What each sweep is for. */
const PURPOSES: Readonly<Record<string, string>> = {
  dispatch: "Sees that whatever was accepted is carried out, also after a crash or a lost queue.",
  bulk: "Carries on what was asked of many workspaces at once.",
  "removed-instances": "Removes what is left of workspaces that were removed, or whose start failed.",
  "docker-orphans":
    "Finds containers and volumes that no workspace claims, and removes those that are surely nobody's.",
  "leaked-instances":
    "Finds instances, volumes and names that no workspace claims, and removes those that are surely nobody's.",
  "instance-state": "Asks providers whether what should run does, and restarts what has ended.",
  liveness: "Takes workspaces offline whose agents are silent, and restarts them.",
  "provisioning-timeout": "Gives up starts that take too long.",
  "idle-hibernation": "Puts workspaces to sleep that want that when they are idle.",
  expiry: "Ends workspaces whose time is over.",
  drain: "Takes workspaces elsewhere from places that are being emptied.",
  retention: "Forgets events, operations and runs that are older than they are kept.",
};

/** In a sentence; of one that is newer than this page nothing. */
export function purposeOf(sweep: string): string {
  return PURPOSES[sweep] ?? "";
}

/** What each figure of a run says, `$` being the figure. */
const WORDS: Readonly<Record<string, string>> = {
  accepted: "asked for $",
  announced: "said of $ that they end soon",
  asked: "had $ looked at, place by place",
  awake: "found $ awake already",
  busy: "left $ on which an operation works",
  changed: "left $ that had changed meanwhile",
  contradicted: "left $ whose agents say that they are alive",
  crash_loop: "gave up $ that ended again and again",
  done: "acted on $",
  expired: "ended $ whose time was over",
  failed: "failed with $",
  given_up: "gave up $",
  held: "held back $",
  hibernating: "put $ to sleep",
  in_backoff: "left $ that wait for their next try",
  kept: "kept $ that are wanted after all",
  later: "left $ for the next run",
  looked_at: "looked at $",
  moved: "moved $",
  no_place: "found no room elsewhere for $",
  not_yet: "saw $ for the first time, and looks again before it acts",
  offline: "took $ offline",
  online: "found $ online again",
  others: "saw $ of another Berth",
  reaped: "ended $ that nobody wants",
  refused: "was refused $",
  released: "removed the rest of $",
  restarting: "had $ restarted",
  timed_out: "gave up $ that took too long to start",
  unclaimed: "found $ that nobody claims",
  under_grace: "judged no agent, since for a while nobody could hear them",
  unknown: "got no answer about $",
  unlisted: "couldn't ask $ providers",
  woken: "woke $",
  young: "left $ that are too new to judge",
};

/** What a sweep's last run did, of which nought is not told. */
export function wordsOfRun(counts: Readonly<Record<string, number>>): string {
  const told = Object.entries(counts).filter(([name, n]) => n !== 0 && name !== "would_act");
  if (told.length === 0) return "It had nothing to look at when it ran last.";
  const said = told.map(([name, n]) =>
    (WORDS[name] ?? `${name.replaceAll("_", " ")} $`).replace("$", n.toLocaleString()),
  );
  return `Its last run ${said.join("; ")}.`;
}
