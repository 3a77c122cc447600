import type { PlaceReport } from "@berth/core/db/places";
import { html, type Html } from "./html.js";

/** The places, those with a trouble first. */
export function placesTable(places: readonly PlaceReport[]): Html {
  // A place that nobody is configured for and where nothing is says nothing.
  const shown = places.filter((one) => one.identity !== null || one.held > 0 || one.workers.length > 0);
  if (shown.length === 0) return html`<p>No worker has reached any yet.</p>`;
  return html`<table>
    <tr>
      <th>place</th>
      <th>state</th>
      <th>workers</th>
      <th>running</th>
      <th>held</th>
      <th>capacity</th>
      <th>operations</th>
      <th>to go</th>
      <th>who it is</th>
      <th>trouble</th>
    </tr>
    ${shown.toSorted((a, b) => Number(isWell(a)) - Number(isWell(b))).map(row)}
  </table>`;
}

function isWell({ workers, lost_at: lostAt }: PlaceReport): boolean {
  return lostAt !== null || workers.some(({ state }) => state === "confirmed");
}

function row(place: PlaceReport): Html {
  const [word, sort] =
    place.lost_at !== null ? ["lost", ""] : isWell(place) ? ["served", "good"] : ["not served", "bad"];
  const more = place.lost_at === null && place.cordoned ? ", cordoned" : "";
  const problems = [...new Set(place.workers.flatMap(({ problem }) => problem ?? []))];
  return html`<tr>
    <td>${place.name}</td>
    <td class="${sort!}">${word!}${more}</td>
    <td class="n">${place.workers.length}</td>
    <td class="n">${place.running}</td>
    <td class="n">${place.held}</td>
    <td class="n">${place.capacity}</td>
    <td class="n">${place.waiting}</td>
    <td class="n">${place.obligations}</td>
    <td><code>${place.identity}</code></td>
    <td>${problems.join("; ") || place.last_error}</td>
  </tr>`;
}
