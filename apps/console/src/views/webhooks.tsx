import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import type { Webhook } from "@berth/client";
import { berth } from "../api/berth.js";
import { webhooksQuery } from "../api/queries.js";
import { Act } from "../parts/act.js";
import { Copied } from "../parts/copied.js";
import { Make } from "../parts/make.js";
import { count, Read, Table } from "../parts/read.js";
import { Status } from "../parts/status.js";
import { Ago } from "../parts/time.js";

/** Who is told of events, and whether it takes them. */
export function WebhooksView(): ReactNode {
  return (
    <>
      <h1>Webhooks</h1>
      <p className="quiet">Who is told of events by HTTP.</p>
      <NewWebhook />
      <Read from={useQuery(webhooksQuery)}>
        {(webhooks) =>
          webhooks.length === 0 ? (
            <p className="quiet">None yet.</p>
          ) : (
            <ul className="cards">
              {webhooks.map((webhook) => (
                <WebhookCard key={webhook.id} webhook={webhook} />
              ))}
            </ul>
          )
        }
      </Read>
    </>
  );
}

function stateOf({ enabled, failing, dead }: Webhook): readonly [string, string] {
  if (!enabled) return ["rest", "off"];
  if (failing > 0) return ["bad", "refuses"];
  return dead > 0 ? ["warn", "missed some"] : ["good", "takes them"];
}

function WebhookCard({ webhook }: { webhook: Webhook }): ReactNode {
  const { id, url, enabled, pending, dead, failing, types } = webhook;
  const [tone, word] = stateOf(webhook);
  const path = { params: { path: { id } } };
  return (
    <li className="card">
      <h2>
        {url} <Status is={word} tone={tone} />
      </h2>
      <p className="quiet">
        {webhook.description !== "" && <>{webhook.description} · </>}
        {types === null ? "all events" : types.join(", ")} · made by {webhook.created_by}{" "}
        <Ago at={webhook.created_at} />
      </p>
      {webhook.disabled_reason !== null && <p className="bad">{webhook.disabled_reason}</p>}
      <p>
        {pending === 0 ? "Nothing waits" : count(pending, "delivery waits", "deliveries wait")}
        {dead > 0 && <> · {count(dead, "delivery", "deliveries")} given up</>}
        {failing > 0 && (
          <>
            {" "}
            · {count(failing, "try", "tries")} in a row have failed, next{" "}
            <Ago at={webhook.next_attempt_at} none="soon" />
          </>
        )}
      </p>
      <div className="buttons">
        <Act
          label="Ping"
          disabled={!enabled}
          question={`Send a ping to ${url}?`}
          run={() => berth.POST("/webhooks/{id}/ping", path)}
        />
        {dead > 0 && (
          <Act
            label="Send again"
            question="Send what was given up once more?"
            run={() => berth.POST("/webhooks/{id}/retry", path)}
          />
        )}
        <Act
          label={enabled ? "Turn off" : "Turn on"}
          danger={enabled}
          question={enabled ? `Tell ${url} nothing any more?` : `Tell ${url} of events again?`}
          run={() => berth.PATCH("/webhooks/{id}", { ...path, body: { enabled: !enabled } })}
        >
          {enabled && <p>Events that come while it is off are never told.</p>}
        </Act>
      </div>
      {(dead > 0 || failing > 0) && <Deliveries id={id} />}
    </li>
  );
}

/** The newest that it didn't take, and why. */
function Deliveries({ id }: { id: string }): ReactNode {
  const found = useQuery({
    queryKey: ["webhooks", id, "deliveries"],
    queryFn: async () =>
      (await berth.GET("/webhooks/{id}/deliveries", { params: { path: { id }, query: { limit: 50 } } })).data,
  });
  return (
    <Read from={found}>
      {(deliveries) => (
        <Table of="Deliveries" columns={["Event", "State", "Tries", "Answer", "When"]}>
          {deliveries
            .filter(({ state }) => state !== "delivered")
            .slice(0, 10)
            .map((one) => (
              <tr key={one.id}>
                <td data-of="Event">{one.event_type}</td>
                <td data-of="State">{one.state === "dead" ? "given up" : one.state}</td>
                <td data-of="Tries">
                  {one.attempts} of {one.max_attempts}
                </td>
                <td data-of="Answer">{one.last_error ?? one.last_status}</td>
                <td data-of="When">
                  <Ago at={one.last_attempt_at} none="not yet" />
                </td>
              </tr>
            ))}
        </Table>
      )}
    </Read>
  );
}

/** Its secret, by which the receiver knows Berth, is shown once. */
function NewWebhook(): ReactNode {
  const [url, setUrl] = useState("");
  const [types, setTypes] = useState("");
  const run = async () => {
    const wanted = types.split(/[\s,]+/).filter(Boolean);
    const body = { url: url.trim(), ...(wanted.length === 0 ? {} : { types: wanted }) };
    const { data } = await berth.POST("/webhooks", { body });
    setUrl("");
    setTypes("");
    return data;
  };
  return (
    <Make
      label="Make a webhook"
      among="webhooks"
      run={run}
      tell={(made) => (
        <>
          The secret of {made.url}, shown this once: <Copied text={made.secret} />
        </>
      )}
    >
      <input
        type="url"
        aria-label="Where events are sent"
        placeholder="https://example.com/berth"
        value={url}
        onChange={(event) => setUrl(event.target.value)}
        required
      />
      <input
        aria-label="Types of events; none: all"
        placeholder="all events, or: workspace.failed …"
        value={types}
        onChange={(event) => setTypes(event.target.value)}
      />
    </Make>
  );
}
