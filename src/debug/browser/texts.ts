/**
 * In the browser: numbers and elements of any page.
 *
 * Functions of folders named browser/ run in a page: their texts are put into it, one beside the other. So they may use each
 * other by name, and nothing else of their modules, no constant of a module either. What a program calls something comes into
 * the page by `textContent`: a name is never markup.
 */
/// <reference lib="dom" />

export function byId(id: string): HTMLElement {
  return document.getElementById(id)!;
}

/** A new element with a class and a text or children. */
export function element(tag: string, className: string, ...children: (Node | string)[]): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...children);
  return made;
}

export function bytesText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

export function countText(count: number): string {
  return count.toLocaleString("en").replaceAll(",", "\u202f");
}

export function shareText(part: number, whole: number): string {
  if (whole === 0 || part === 0) return "0 %";
  const percent = (100 * part) / whole;
  return percent < 0.1 ? "< 0.1 %" : `${percent.toFixed(percent < 10 ? 1 : 0)} %`;
}
