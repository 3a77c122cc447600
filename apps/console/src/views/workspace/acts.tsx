import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Status as StatusName, Workspace } from "@berth/client";
import { berth } from "../../api/berth.js";
import { Act } from "../../parts/act.js";
import { count, Read } from "../../parts/read.js";
import { descendantsQuery, isKnownToHaveOthers } from "./queries.js";

const AT_REST: readonly StatusName[] = ["paused", "hibernated"];

/** What can be asked for as it is now. Berth says no to what it doesn't allow, and why. */
export function Acts({ workspace }: { workspace: Workspace }): ReactNode {
  const { id, name, status, backend } = workspace;
  if (status === "removed") return null;
  const path = { params: { path: { id } } };
  const rests = AT_REST.includes(status);
  return (
    <div className="buttons">
      {rests ? (
        <Act
          label="Resume"
          question={`Start ${name} again?`}
          run={() => berth.POST("/workspaces/{id}/resume", path)}
        >
          <p>With the volume that it had.</p>
        </Act>
      ) : (
        backend !== "external" && (
          <>
            <Act
              label="Restart"
              question={`Restart ${name}?`}
              run={() => berth.POST("/workspaces/{id}/restart", path)}
            >
              <p>What runs of it is stopped first; what it is doing is lost. Its volume stays.</p>
            </Act>
            <Act
              label="Pause"
              question={`Pause ${name}?`}
              run={() => berth.POST("/workspaces/{id}/pause", path)}
            >
              <p>It and what belongs to it stop until somebody resumes them. Volumes stay.</p>
            </Act>
            <Act
              label="Hibernate"
              question={`Hibernate ${name}?`}
              run={() => berth.POST("/workspaces/{id}/hibernate", path)}
            >
              <p>It and what belongs to it stop and may be woken again. Volumes stay.</p>
            </Act>
          </>
        )
      )}
      <Act
        label="Delete"
        danger
        question={`Delete ${name}?`}
        // Berth says no if others belong to it that weren't shown.
        run={() =>
          berth.DELETE("/workspaces/{id}", {
            params: { path: { id }, query: { cascade: isKnownToHaveOthers(id) } },
          })
        }
      >
        <Cascade id={id} />
      </Act>
    </div>
  );
}

/** All that goes with it, shown before it is asked for. */
function Cascade({ id }: { id: string }): ReactNode {
  const found = useQuery(descendantsQuery(id));
  return (
    <>
      <p>
        What it runs is stopped, and its volume is removed with all that is on it. It can&apos;t be taken
        back.
      </p>
      <Read from={found}>
        {(others) =>
          others.length > 0 && (
            <>
              <p className="bad">{count(others.length, "workspace")} that belong to it go too:</p>
              <ul className="cascade">
                {others.slice(0, 50).map((one) => (
                  <li key={one.id}>{one.name}</li>
                ))}
                {others.length > 50 && <li>and {others.length - 50} more</li>}
              </ul>
            </>
          )
        }
      </Read>
    </>
  );
}
