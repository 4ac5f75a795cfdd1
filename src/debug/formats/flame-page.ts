/**
 * `.html`: a profile as a flame graph, in one page without a network.
 */
import * as texts from "../browser/texts.js";
import { pageWith } from "../page.js";
import type { ProfileData } from "../profile-data.js";
import { STYLE } from "../style.js";
import * as flame from "./browser/flame.js";
import * as graph from "./browser/graph.js";
import type { FlameData, SavedCall } from "./flame-data.js";
import { type CallNode, treeOf } from "./tree.js";

export function flamePageOf({ every, startTime, durationMs, samples }: ProfileData): string {
  const data: FlameData = { every, startTime, durationMs, root: savedCall(treeOf(samples)) };
  const modules = [texts, flame, graph];
  return pageWith({
    title: "Heap profile",
    style: STYLE + FLAME_STYLE,
    body: BODY,
    data,
    modules,
    start: flame.start,
  });
}

function savedCall({ frame, self, children }: CallNode): SavedCall {
  const { function: name, file, line, column } = frame ?? { function: "all", file: "", line: 0, column: 0 };
  const { liveBytes, liveCount, allocatedBytes, allocatedCount } = self;
  return [
    name,
    file,
    line,
    column,
    liveBytes,
    liveCount,
    allocatedBytes,
    allocatedCount,
    children.map(savedCall),
  ];
}

const FLAME_STYLE = `
#flame { display: block; width: 100%; cursor: pointer; margin-top: 10px; }
#call { min-height: 66px; margin-top: 10px; font-size: 13px; }
#call > b { font-size: 15px; }
#call .place { color: var(--faint); overflow-wrap: anywhere; }
#search { width: 190px; }
#functions td:first-child { max-width: 620px; overflow: hidden; text-overflow: ellipsis; }
.place { color: var(--faint); margin-left: 8px; }
.figures { display: flex; gap: 4px 26px; flex-wrap: wrap; margin-top: 4px; }
`;

const BODY = `<header>
  <h1>Heap profile</h1>
  <p id="about"></p>
</header>
<section class="panel">
  <div class="line">
    <label>Show <select id="what">
      <option value="4">live bytes</option><option value="5">live blocks</option>
      <option value="6">allocated bytes</option><option value="7">allocated blocks</option>
    </select></label>
    <b id="sum"></b>
    <span class="space"></span>
    <input id="search" type="search" placeholder="Find a function or file" aria-label="Find" spellcheck="false">
    <button id="reset">All</button>
  </div>
  <canvas id="flame" tabindex="0" aria-label="Flame graph"></canvas>
  <div id="call"></div>
</section>
<section class="panel">
  <h2>Functions</h2>
  <table><thead><tr><th>function</th><th>itself</th><th></th><th>with what it calls</th><th></th></tr></thead><tbody id="functions"></tbody></table>
</section>`;
