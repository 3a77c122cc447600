import { examples, type Register } from "../../command.js";
import { change } from "./change.js";
import { show } from "./show.js";

/** Where workspaces are: daemons, accounts with their Regions, machines. */
export const places: Register = (program, surroundings) => {
  const group = program
    .command("places")
    .summary("where workspaces are: list, show, set, cordon, uncordon, drain, confirm, lost")
    .description("Where workspaces are: daemons, accounts with their Regions, machines.");
  show(group, surroundings);
  change(group, surroundings);
  examples(
    group,
    "berth places",
    "berth places set docker-b --capacity 50 --weight 2 --label zone:b",
    "berth places cordon docker-a",
  );
};
