import { useEffect, useRef, type ReactNode } from "react";
import { Frame } from "./parts/frame.js";
import { useRoute } from "./route.js";
import { KeysView } from "./views/keys.js";
import { LeaksView } from "./views/leaks.js";
import { NowView } from "./views/now.js";
import { OperationView } from "./views/operation.js";
import { OperationsView } from "./views/operations.js";
import { PlacesView } from "./views/places.js";
import { SweepsView } from "./views/sweeps.js";
import { WebhooksView } from "./views/webhooks.js";
import { WorkspaceView } from "./views/workspace/workspace.js";
import { WorkspacesView } from "./views/workspaces.js";

const VIEWS: Readonly<
  Record<string, { title: string; view: () => ReactNode; one?: (id: string) => ReactNode }>
> = {
  now: { title: "Now", view: () => <NowView /> },
  workspaces: {
    title: "Workspaces",
    view: () => <WorkspacesView />,
    one: (id) => <WorkspaceView key={id} id={id} />,
  },
  operations: {
    title: "Operations",
    view: () => <OperationsView />,
    one: (id) => <OperationView key={id} id={id} />,
  },
  sweeps: { title: "Sweeps", view: () => <SweepsView /> },
  leaks: { title: "Leaks", view: () => <LeaksView /> },
  places: { title: "Places", view: () => <PlacesView /> },
  webhooks: { title: "Webhooks", view: () => <WebhooksView /> },
  keys: { title: "Keys", view: () => <KeysView /> },
};

export function App(): ReactNode {
  const { path } = useRoute();
  const [name = "now", id] = path;
  const found = VIEWS[name];
  const seen = useRef(false);
  const title = found?.title ?? "Not found";
  useEffect(() => {
    document.title = `${title} · Berth`;
    scrollTo(0, 0);
    showInNavigation();
    // The link that led here may be gone with the view that it was in: the next Tab goes on in this one.
    if (seen.current && document.activeElement === document.body) document.getElementById("main")?.focus();
    seen.current = true;
  }, [title, id]);
  return (
    <Frame at={name} names={Object.entries(VIEWS).map(([key, { title: shown }]) => [key, shown])}>
      {found === undefined ? (
        <p>
          There is no such page. <a href="#/">Go to Now</a>
        </p>
      ) : id !== undefined && found.one !== undefined ? (
        found.one(id)
      ) : (
        found.view()
      )}
    </Frame>
  );
}

/** On a phone the navigation is wider than the screen. Not by `scrollIntoView`: the next Tab would go on from there. */
function showInNavigation(): void {
  const link = document.querySelector<HTMLElement>(".frame [aria-current]");
  const frame = link?.closest(".frame");
  if (link !== null && frame != null)
    frame.scrollLeft = link.offsetLeft + link.offsetWidth - frame.clientWidth;
}
