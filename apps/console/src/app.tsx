import { useEffect, type ReactNode } from "react";
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
  const title = found?.title ?? "Not found";
  useEffect(() => {
    document.title = `${title} · Berth`;
    scrollTo(0, 0);
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
