/**
 * The page of the map: what is in it, and the modules of its program.
 */
import * as texts from "../browser/texts.js";
import { pageWith } from "../page.js";
import { STYLE } from "../style.js";
import * as colours from "./browser/colours.js";
import * as details from "./browser/details.js";
import * as main from "./browser/main.js";
import * as names from "./browser/names.js";
import * as paint from "./browser/paint.js";
import * as panels from "./browser/panels.js";
import * as regions from "./browser/regions.js";
import * as shares from "./browser/shares.js";
import * as shot from "./browser/shot.js";
import * as strip from "./browser/strip.js";
import * as timeline from "./browser/timeline.js";
import * as view from "./browser/view.js";
import type { HeapSnapshot } from "./saved.js";
import { MAP_STYLE } from "./style.js";

const MODULES = [
  colours,
  details,
  main,
  names,
  paint,
  panels,
  regions,
  shares,
  shot,
  strip,
  texts,
  timeline,
  view,
];

export function pageOf(snapshots: readonly HeapSnapshot[]): string {
  const { start } = main;
  return pageWith({
    title: "Heap map",
    style: STYLE + MAP_STYLE,
    body: BODY,
    data: snapshots,
    modules: MODULES,
    start,
  });
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
