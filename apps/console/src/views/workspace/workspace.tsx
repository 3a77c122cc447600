import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Id, Read } from "../../parts/read.js";
import { plain, Status } from "../../parts/status.js";
import { Ago } from "../../parts/time.js";
import { linkTo } from "../../route.js";
import { Acts } from "./acts.js";
import { History } from "./history.js";
import { Logs } from "./logs.js";
import { childrenQuery, whyQuery, type WholeWorkspace, workspaceQuery } from "./queries.js";

/** One workspace: why it is as it is, what can be done, what happened to it, and what it writes. */
export function WorkspaceView({ id }: { id: string }): ReactNode {
  return <Read from={useQuery(workspaceQuery(id))}>{(workspace) => <One workspace={workspace} />}</Read>;
}

function One({ workspace }: { workspace: WholeWorkspace }): ReactNode {
  const { id, name, status } = workspace;
  return (
    <>
      <p className="crumbs">
        <a href="#/workspaces">Workspaces</a>
        {workspace.parent_id !== null && (
          <>
            {" / "}
            <a href={linkTo(`workspaces/${workspace.parent_id}`)}>its parent</a>
          </>
        )}
      </p>
      <h1>
        {name} <Status is={status} />
      </h1>
      <Why id={id} />
      <Acts workspace={workspace} />
      <History id={id} />
      <Facts workspace={workspace} />
      {status !== "removed" && workspace.backend !== "external" && <Logs id={id} />}
    </>
  );
}

/** In words what it waits for, and what went wrong last. */
function Why({ id }: { id: string }): ReactNode {
  const { data } = useQuery(whyQuery(id));
  if (data === undefined) return <p className="why quiet">…</p>;
  const bad = data.status === "failed" || data.status === "offline" || data.held.length > 0;
  return (
    <div className={bad ? "why bad" : "why"}>
      <p>{plain(data.summary)}</p>
      {data.next_attempt_at !== null && (
        <p>
          Next try <Ago at={data.next_attempt_at} />.
        </p>
      )}
      {data.held.map(({ sweep, what }) => (
        <p key={sweep}>
          Held back: {what}. <a href={linkTo("sweeps", { sweep })}>Look at {sweep}</a>
        </p>
      ))}
      {data.obligations.length > 0 && (
        <p>
          {data.obligations.length} of its things should be gone and may still be there.{" "}
          <a href={linkTo("leaks", { find: id })}>See them</a>
        </p>
      )}
    </div>
  );
}

function Facts({ workspace }: { workspace: WholeWorkspace }): ReactNode {
  const children = useQuery(childrenQuery(workspace.id)).data ?? [];
  const facts: [string, ReactNode][] = [
    ["Where", `${workspace.place} (${workspace.backend})`],
    ["Instance", workspace.instance_id === null ? null : <Id key="instance" id={workspace.instance_id} />],
    ["Address", workspace.url],
    ["Incarnation", workspace.generation === 0 ? "not started yet" : workspace.generation],
    [
      "Launched",
      workspace.last_launched_at === null ? null : <Ago key="launched" at={workspace.last_launched_at} />,
    ],
    [
      "Agent heard",
      workspace.last_heartbeat_at === null ? null : <Ago key="heard" at={workspace.last_heartbeat_at} />,
    ],
    ["Active tasks", workspace.active_tasks === 0 ? null : workspace.active_tasks],
    ["Its task", workspace.agent?.current_task ?? null],
    ["Errors", workspace.error_rate === 0 ? null : `${Math.round(workspace.error_rate * 100)} %`],
    ["One of them", workspace.agent?.sample_error ?? null],
    [
      "Hibernates",
      workspace.hibernate_after_minutes === null
        ? null
        : `after ${workspace.hibernate_after_minutes} idle minutes`,
    ],
    ["Expires", workspace.expires_at === null ? null : <Ago key="expires" at={workspace.expires_at} />],
    ["Created", <Ago key="created" at={workspace.created_at} />],
    [
      "Labels",
      Object.entries(workspace.labels)
        .map(([name, value]) => `${name}:${value}`)
        .join("  ") || null,
    ],
    ["Id", <code key="id">{workspace.id}</code>],
  ];
  return (
    <section aria-labelledby="facts">
      <h2 id="facts">What it is</h2>
      <dl className="facts">
        {facts
          .filter(([, value]) => value !== null)
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
      {children.length > 0 && (
        <p>
          Its children:{" "}
          {children.map((child) => (
            <a key={child.id} className="chip" href={linkTo(`workspaces/${child.id}`)}>
              {child.name} <Status is={child.status} />
            </a>
          ))}
        </p>
      )}
      <details>
        <summary>What its next launch runs</summary>
        <pre>{JSON.stringify(workspace.spec, null, 2)}</pre>
      </details>
    </section>
  );
}
