/**
 * How all pages look, in light and in dark.
 */
export const STYLE = `
:root { color-scheme: light dark;
  --page: #f6f7f9; --panel: #fff; --text: #1d2430; --faint: #6a7484; --line: #e2e6ec; --accent: #2f7fc1;
  --live: #2f7fc1; --freed: #a5d3b4; --held: #c8d0db; }
@media (prefers-color-scheme: dark) { :root {
  --page: #12161c; --panel: #1a2029; --text: #e6eaf0; --faint: #8e99a9; --line: #2b3440; --accent: #4c9fe0;
  --live: #4c9fe0; --freed: #4b7f63; --held: #3c4656; } }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0 auto; max-width: 1680px; padding: 20px 24px 40px; background: var(--page); color: var(--text);
  font: 14px/1.45 system-ui, sans-serif; }
header { display: flex; align-items: baseline; gap: 14px; flex-wrap: wrap; margin-bottom: 12px; }
h1 { font-size: 22px; font-weight: 650; margin: 0; letter-spacing: -0.01em; }
h2 { font-size: 13px; font-weight: 600; margin: 0; }
p { margin: 0; }
header p, .note { color: var(--faint); font-size: 12px; }
.panel { background: var(--panel); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; margin-bottom: 14px; }
.line { display: flex; align-items: center; gap: 10px; flex-wrap: wrap; }
.space { flex: 1; }
label { font-size: 13px; }
button, select, input { font: inherit; font-size: 13px; color: inherit; background: var(--panel); border: 1px solid var(--line);
  border-radius: 6px; padding: 3px 8px; }
button { cursor: pointer; }
button:hover, select:hover { border-color: var(--accent); }
.buttons { display: flex; gap: 4px; }
table { border-collapse: collapse; width: 100%; font-size: 12px; }
th { text-align: right; font-weight: 500; color: var(--faint); position: sticky; top: 0; background: var(--panel); padding: 3px 6px; }
th:first-child { text-align: left; }
td { padding: 3px 6px; border-top: 1px solid var(--line); white-space: nowrap; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
`;
