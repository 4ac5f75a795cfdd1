/**
 * In the browser: the list of segments and mappings. See ../../browser/texts.ts for how these functions come there.
 */
import { byId, bytesText, countText, element } from "../../browser/texts.js";
import { addressText, ownerSwatch } from "./names.js";
import { regionRow } from "./panels.js";
import { kindCodes, type Shot } from "./shot.js";

/** Live bytes of each region, headers included. */
export function liveOf(shot: Shot): number[] {
  const { live, cell } = kindCodes();
  const found = shot.saved.regions.map(() => 0);
  for (let run = 0; run < shot.at.length; run++) {
    if (shot.kind[run] === live) found[shot.region[run]!]! += shot.size[run]! * shot.count[run]!;
    if (shot.kind[run] === cell) found[shot.region[run]!]! += shot.cells[shot.extra[run]! + 1 + live]!;
  }
  return found;
}

/** The largest regions, in the order of memory; `go` is called with the place of the one that is clicked. */
export function showRegions(shot: Shot, go: (region: number) => void): void {
  const { regions } = shot.saved;
  const most = 60;
  const live = liveOf(shot);
  const size = (index: number) => regions[index]!.end - regions[index]!.address;
  const largest = [...regions.keys()].sort((one, other) => size(other) - size(one)).slice(0, most);
  largest.sort((one, other) => one - other);
  byId("regions").replaceChildren(
    ...largest.map((index) => {
      const { kind, address, heap } = regions[index]!;
      const cells = [addressText(address), kind, bytesText(size(index))];
      return regionRow(ownerSwatch(heap), cells, live[index]!, size(index), () => go(index));
    }),
  );
  const more = regions.length - largest.length;
  byId("more-regions").replaceChildren(
    ...(more > 0 ? [element("span", "note", `and ${countText(more)} smaller ones`)] : []),
  );
}
