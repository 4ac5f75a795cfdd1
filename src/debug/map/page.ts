/**
 * The page: one HTML file with its data, style and program in it, which needs no network and is allowed none.
 *
 * The program is the functions of browser/, as texts: so they are typed and formatted like all others, and no step of a build is
 * between them and the page. What the heap calls something comes in as data only.
 */
import { createHash } from "node:crypto";
import * as colours from "./browser/colours.js";
import * as details from "./browser/details.js";
import * as main from "./browser/main.js";
import * as paint from "./browser/paint.js";
import * as panels from "./browser/panels.js";
import * as regions from "./browser/regions.js";
import * as shares from "./browser/shares.js";
import * as shot from "./browser/shot.js";
import * as strip from "./browser/strip.js";
import * as texts from "./browser/texts.js";
import * as timeline from "./browser/timeline.js";
import * as view from "./browser/view.js";
import type { HeapSnapshot } from "./saved.js";
import { STYLE } from "./style.js";

const MODULES = [colours, details, main, paint, panels, regions, shares, shot, strip, texts, timeline, view];

export function pageOf(snapshots: readonly HeapSnapshot[]): string {
  // tsx wraps functions in calls of __name, which keep their names.
  const program = [
    '"use strict";',
    "const __name = (of) => of;",
    ...MODULES.flatMap((module) => Object.values(module).map(String)),
    `${main.start.name}();`,
  ].join("\n");
  const hash = createHash("sha256").update(program).digest("base64");
  const data = JSON.stringify(snapshots).replaceAll("<", "\\u003c"); // no end of the element inside it
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'sha256-${hash}'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Heap map</title>
<style>${STYLE}</style>
</head>
<body>
${BODY}
<script type="application/json" id="data">${data}</script>
<script>${program}</script>
</body>
</html>
`;
}

const BODY = `<header>
  <h1>Heap map</h1>
  <p id="when"></p>
</header>
<section id="timeline" class="panel" hidden>
  <div class="line"><label for="snapshot">Snapshot</label><b id="snapshot-name"></b>
    <span class="note"><i class="swatch held"></i>footprint <i class="swatch live"></i>live</span></div>
  <svg id="course" viewBox="0 0 1000 56" preserveAspectRatio="none" aria-hidden="true"></svg>
  <input id="snapshot" type="range" min="0" step="1">
</section>
<section id="cards"></section>
<section class="panel">
  <h2>Where the footprint goes</h2>
  <div id="footprint-bar"></div>
  <ul id="footprint-parts"></ul>
</section>
<div id="columns">
  <section class="panel" id="map-panel">
    <div class="line">
      <h2>Address space, to scale</h2>
      <span class="note" id="summed" hidden></span>
      <span class="space"></span>
      <label>Colour by <select id="mode">
        <option value="state">state</option><option value="owner">heap</option><option value="size">size</option>
      </select></label>
      <form id="find"><input id="address" placeholder="0x address" aria-label="Address" spellcheck="false"></form>
      <span class="buttons"><button id="closer" title="Closer (+)">+</button><button id="farther" title="Farther (-)">&minus;</button><button id="whole" title="All of it (0)">All</button></span>
    </div>
    <div class="line" id="legend"></div>
    <canvas id="strip" aria-label="The whole heap"></canvas>
    <canvas id="map" tabindex="0" aria-label="The map of the heap"></canvas>
    <p class="note">Rows run from low addresses to high; each column is a bar of what lies in its bytes. The line below a row has
      the colour of its heap. Wheel: zoom. Drag, arrows: move. <span id="scale"></span>.</p>
  </section>
  <aside>
    <section class="panel"><h2>Block</h2><div id="details"></div></section>
    <section class="panel">
      <div class="line"><h2>Sizes</h2><span class="space"></span>
        <label><select id="sizes-by" aria-label="Sizes by"><option value="Blocks">blocks</option><option value="Bytes">bytes</option></select></label></div>
      <div id="sizes"></div>
      <p class="note"><i class="swatch live"></i>live <i class="swatch freed"></i>cached, free, on its way back</p>
    </section>
    <section class="panel"><h2>Heaps</h2>
      <div class="scroll"><table><thead><tr><th>heap</th><th>blocks</th><th>live</th><th>footprint</th><th></th></tr></thead><tbody id="heaps"></tbody></table></div></section>
    <section class="panel"><h2>Segments and mappings</h2>
      <div class="scroll"><table><thead><tr><th>address</th><th></th><th>bytes</th><th>live</th></tr></thead><tbody id="regions"></tbody></table></div>
      <p id="more-regions"></p></section>
  </aside>
</div>
<div id="hint" hidden></div>`;
