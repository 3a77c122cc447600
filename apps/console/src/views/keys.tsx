import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import type { ApiKey } from "@berth/client";
import { berth } from "../api/berth.js";
import { keysQuery } from "../api/queries.js";
import { Act } from "../parts/act.js";
import { Copied } from "../parts/copied.js";
import { Make } from "../parts/make.js";
import { Read, Table } from "../parts/read.js";
import { Status } from "../parts/status.js";
import { Ago } from "../parts/time.js";

const SCOPES: readonly (readonly [ApiKey["scope"], string])[] = [
  ["viewer", "may read"],
  ["operator", "may change workspaces"],
  ["admin", "may do everything"],
];

/** Who may do what. A key itself is shown once, when it is made. */
export function KeysView(): ReactNode {
  return (
    <>
      <h1>Keys</h1>
      <NewKey />
      <Read from={useQuery(keysQuery)}>
        {(keys) =>
          keys.length === 0 ? (
            <p className="quiet">None beside the one of the configuration.</p>
          ) : (
            <Table of="Keys" columns={["Name", "May", "State", "Made", "Last used", "Expires", ""]}>
              {keys.map((key) => (
                <Row key={key.id} one={key} />
              ))}
            </Table>
          )
        }
      </Read>
    </>
  );
}

function Row({ one }: { one: ApiKey }): ReactNode {
  const { id, name, scope, revoked_at } = one;
  const over = one.expires_at !== null && Date.parse(one.expires_at) < Date.now();
  const [tone, word] =
    revoked_at !== null ? ["rest", "revoked"] : over ? ["rest", "expired"] : ["good", "good"];
  return (
    <tr>
      <td data-of="Name">{name}</td>
      <td data-of="May">{scope}</td>
      <td data-of="State">
        <Status is={word!} tone={tone!} />
      </td>
      <td data-of="Made">
        <Ago at={one.created_at} />
      </td>
      <td data-of="Last used">
        <Ago at={one.last_used_at} none="never" />
      </td>
      <td data-of="Expires">
        <Ago at={one.expires_at} none="never" />
      </td>
      <td className="acts">
        {revoked_at === null && (
          <Act
            label="Revoke"
            danger
            question={`Revoke ${name}?`}
            run={() => berth.DELETE("/keys/{id}", { params: { path: { id } } })}
          >
            <p>Whoever uses it is refused within seconds. It can&apos;t be taken back.</p>
          </Act>
        )}
      </td>
    </tr>
  );
}

function NewKey(): ReactNode {
  const [name, setName] = useState("");
  const [scope, setScope] = useState<ApiKey["scope"]>("viewer");
  const run = async () => {
    const { data } = await berth.POST("/keys", { body: { name: name.trim(), scope } });
    setName("");
    return data;
  };
  return (
    <Make
      label="Make a key"
      among="keys"
      run={run}
      tell={(made) => (
        <>
          The key {made.name}, shown this once: <Copied text={made.key} />
        </>
      )}
    >
      <input
        aria-label="Name of the new key"
        placeholder="name of the new key"
        value={name}
        onChange={(event) => setName(event.target.value)}
        required
      />
      <select
        aria-label="What it may do"
        value={scope}
        onChange={(event) => setScope(event.target.value as ApiKey["scope"])}
      >
        {SCOPES.map(([one, words]) => (
          <option key={one} value={one}>
            {one}: {words}
          </option>
        ))}
      </select>
    </Make>
  );
}
