/**
 * How the map looks, besides what all pages have in common.
 */
export const MAP_STYLE = `
#cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin-bottom: 14px; }
.card { background: var(--panel); border: 1px solid var(--line); border-radius: 10px; padding: 10px 14px; display: grid; }
.card .name { color: var(--faint); font-size: 12px; }
.card strong { font-size: 21px; font-weight: 620; font-variant-numeric: tabular-nums; letter-spacing: -0.01em; }
#footprint-bar { display: flex; height: 26px; border-radius: 6px; overflow: hidden; margin: 10px 0; background: var(--line); gap: 1px; }
.part { flex: 0 1 0; min-width: 1px; }
#footprint-parts { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: 4px 22px; font-size: 13px; }
#footprint-parts b { font-weight: 600; margin: 0 6px; font-variant-numeric: tabular-nums; }
#footprint-parts .none { opacity: 0.45; }
.swatch { display: inline-block; width: 11px; height: 11px; border-radius: 3px; background: var(--colour); margin-right: 6px;
  vertical-align: -1px; border: 1px solid rgba(128, 128, 128, 0.35); }
.swatch.hatched { background: repeating-linear-gradient(-45deg, var(--colour) 0 2px, rgba(80, 110, 95, 0.55) 2px 4px); }
.swatch.live { --colour: var(--live); } .swatch.freed { --colour: var(--freed); } .swatch.held { --colour: var(--held); }
.note .swatch { margin-left: 8px; }
#columns { display: grid; grid-template-columns: minmax(0, 1fr) 430px; gap: 14px; align-items: start; }
@media (max-width: 1080px) { #columns { grid-template-columns: minmax(0, 1fr); } }
#legend { gap: 4px 16px; font-size: 12px; margin: 10px 0; color: var(--faint); }
canvas { display: block; width: 100%; touch-action: none; }
#strip { height: 36px; margin-bottom: 12px; border-radius: 4px; cursor: pointer; }
#map { height: 704px; cursor: crosshair; outline: none; }
#map-panel .note { margin-top: 8px; }
#address { width: 150px; font-family: ui-monospace, monospace; }
#address.wrong { border-color: #d64545; }
#snapshot { width: 100%; margin: 0; padding: 0; accent-color: var(--accent); }
#course { width: 100%; height: 56px; display: block; margin: 8px 0 4px; }
#course .held { fill: var(--held); } #course .live { fill: var(--live); opacity: 0.85; }
#course .mark { stroke: var(--text); stroke-width: 2; vector-effect: non-scaling-stroke; }
.facts { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 3px 12px; margin: 8px 0 0; font-size: 13px; }
.facts dt { color: var(--faint); }
.facts dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.facts .stack { font: 12px/1.4 ui-monospace, monospace; white-space: pre-wrap; max-height: 220px; overflow: auto; }
#details { min-height: 132px; }
#details > .note { margin-top: 8px; }
#sizes { display: flex; gap: 3px; height: 150px; margin: 12px 0 4px; }
.column { flex: 1; display: flex; flex-direction: column; min-width: 0; }
.bars { flex: 1; display: flex; flex-direction: column; justify-content: flex-end; border-bottom: 1px solid var(--line); }
.bars .live { background: var(--live); } .bars .freed { background: var(--freed); border-radius: 3px 3px 0 0; }
.column .label { font-size: 10px; color: var(--faint); text-align: center; white-space: nowrap; padding-top: 3px; }
.column:hover .bars { background: var(--line); }
.scroll { max-height: 300px; overflow: auto; margin-top: 8px; }
.link { border: none; background: none; padding: 0; font-size: 12px; max-width: 130px; overflow: hidden; text-overflow: ellipsis; }
.link:hover { color: var(--accent); }
.share { width: 40px; margin-left: auto; height: 7px; border-radius: 3px; background: var(--line); overflow: hidden; }
.share div { height: 100%; background: var(--live); }
#hint { position: absolute; pointer-events: none; background: var(--panel); border: 1px solid var(--line); border-radius: 8px;
  padding: 2px 12px 8px; box-shadow: 0 6px 24px rgba(0, 0, 0, 0.18); max-width: 380px; z-index: 2; }
`;
