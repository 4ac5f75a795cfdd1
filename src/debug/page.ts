/**
 * A page: one HTML file with its data, style and program in it, which needs no network and is allowed none.
 *
 * The program is the functions of modules in browser/ folders, as texts: so they are typed and formatted like all others, and no
 * step of a build is between them and the page. What a program calls something comes in as data only.
 */
import { createHash } from "node:crypto";

export interface PageParts {
  readonly title: string;
  readonly style: string;
  readonly body: string;
  /** For the page's program, as JSON in the element `data`. */
  readonly data: unknown;
  /** Modules of functions alone, which use no others. */
  readonly modules: readonly Readonly<Record<string, unknown>>[];
  /** The one that is called. */
  readonly start: { readonly name: string };
}

export function pageWith({ title, style, body, data, modules, start }: PageParts): string {
  // tsx wraps functions in calls of __name, which keep their names.
  const functions = modules.flatMap((module) => Object.values(module).map(String));
  const program = ['"use strict";', "const __name = (of) => of;", ...functions, `${start.name}();`].join(
    "\n",
  );
  const hash = createHash("sha256").update(program).digest("base64");
  const policy = `default-src 'none'; script-src 'sha256-${hash}'; style-src 'unsafe-inline'`;
  const json = JSON.stringify(data).replaceAll("<", "\\u003c"); // no end of the element inside it
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
${body}
<script type="application/json" id="data">${json}</script>
<script>${program}</script>
</body>
</html>
`;
}
