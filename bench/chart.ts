/**
 * A contest as a picture: one line per workload, one dot per contestant, on a logarithmic scale of time beside
 * heapwright's, which is the vertical line at 1. SVG, drawn by Observable Plot.
 */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { type Contest, comparable } from "./contest.js";
import { formatMachine, type Machine } from "./machine.js";

interface Dot {
  readonly workload: string;
  readonly contestant: string;
  /** The contestant's time divided by heapwright's: right of 1 heapwright is faster. */
  readonly times: number;
}

/** Tableau's colours, with a grey at the end; the first is heapwright's line. */
const COLOURS = [
  "#4e79a7",
  "#f28e2c",
  "#e15759",
  "#76b7b2",
  "#59a14f",
  "#edc949",
  "#af7aa1",
  "#ff9da7",
  "#9c755f",
  "#8a8f99",
];
const WIDTH = 860;
const LINE_HEIGHT = 22;
const MARGIN_LEFT = 110;
const MARGIN_BOTTOM = 44;
const LEGEND_LINE = 18;
const LEGEND_COLUMNS = 4;
const HEADING = 44;

/** The text of an SVG file. */
export function drawContest(contest: Contest, machine: Machine): string {
  const dots = dotsOf(contest);
  const workloads = contest.rows
    .map(({ workload }) => workload)
    .filter((name) => dots.some(({ workload }) => workload === name));
  const peers = contest.columns.slice(1);
  const legendHeight = LEGEND_LINE * Math.ceil((peers.length + 1) / LEGEND_COLUMNS);
  const top = HEADING + legendHeight + 10;
  const height = top + LINE_HEIGHT * workloads.length + MARGIN_BOTTOM;
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const svg = Plot.plot({
    document: document as never, // linkedom's, which lacks what Plot does not use
    width: WIDTH,
    height,
    marginLeft: MARGIN_LEFT,
    marginRight: 30,
    marginTop: top,
    marginBottom: MARGIN_BOTTOM,
    style: { background: "#ffffff", color: "#24292f", fontFamily: "system-ui, sans-serif", fontSize: "12px" },
    x: {
      type: "log",
      label: "time per operation, heapwright = 1; right of the line heapwright is faster →",
      tickFormat: "~g",
      grid: true,
      ticks: 6,
    },
    y: { type: "band", domain: workloads, label: null },
    color: { domain: [...contest.columns], range: COLOURS },
    marks: [
      Plot.ruleY(workloads, { y: (name: string) => name, stroke: "#eaeef2" }),
      Plot.ruleX([1], { stroke: COLOURS[0]!, strokeWidth: 2 }),
      Plot.dot(dots, { x: "times", y: "workload", fill: "contestant", r: 4.5, fillOpacity: 0.9 }),
    ],
  });
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  const heading =
    text(MARGIN_LEFT, 20, contest.title, "15", "600") + text(MARGIN_LEFT, 38, machineLine(machine));
  const markup = svg.outerHTML.replace("</svg>", `${heading}${legend(contest.columns)}</svg>`);
  return `${markup}\n`;
}

function dotsOf({ columns, rows }: Contest): Dot[] {
  return rows.flatMap(({ workload, cells }) =>
    cells.flatMap((cell, column) => {
      if (column === 0 || typeof cell === "string" || !comparable(cell, "ratio")) return [];
      return [{ workload, contestant: columns[column]!, times: 1 / cell.ratio }];
    }),
  );
}

function legend(columns: readonly string[]): string {
  const width = (WIDTH - MARGIN_LEFT) / LEGEND_COLUMNS;
  return columns
    .map((name, index) => {
      const x = MARGIN_LEFT + width * (index % LEGEND_COLUMNS);
      const y = HEADING + 14 + LEGEND_LINE * Math.floor(index / LEGEND_COLUMNS);
      const sign =
        index === 0
          ? `<rect x="${x + 4}" y="${y - 10}" width="2" height="12" fill="${COLOURS[0]}"></rect>`
          : `<circle cx="${x + 5}" cy="${y - 4}" r="4.5" fill="${COLOURS[index % COLOURS.length]}"></circle>`;
      return sign + text(x + 14, y, name);
    })
    .join("");
}

function text(x: number, y: number, content: string, size = "12", weight = "400"): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x}" y="${y}" text-anchor="start" font-size="${size}" font-weight="${weight}" fill="currentColor">${escaped}</text>`;
}

function machineLine(machine: Machine): string {
  return formatMachine(machine).trim();
}
