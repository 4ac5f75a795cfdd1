/**
 * Progress of one long task: a bar that is redrawn in its line on a terminal, a line now and then elsewhere.
 */
import { isTerminal, line, paint, width } from "./page.js";

const BAR = 30;
const REDRAW_MS = 50;
/** On a pipe: a line each time this share more is done. */
const LINE_SHARE = 0.3;

export class Progress {
  readonly #name: string;
  #share = 0;
  #told = 0;
  #drawnAt = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /** `share` of the work is done, 0 to 1; `doing` says what is being done. */
  update(share: number, doing: string): void {
    this.#share = share;
    if (isTerminal) this.#redraw(doing);
    else if (share < 1 && share >= this.#told + LINE_SHARE) {
      this.#told = share;
      line(`${this.#name}  ${percent(share)}  ${doing}`);
    }
  }

  /** Puts the result in the place of the bar. */
  done(result: string): void {
    if (isTerminal) process.stdout.write("\r\u001b[K");
    line(result);
  }

  #redraw(doing: string): void {
    const now = performance.now();
    const whole = this.#share === 0 || this.#share === 1;
    if (!whole && now - this.#drawnAt < REDRAW_MS) return;
    this.#drawnAt = now;
    const filled = Math.round(this.#share * BAR);
    const bar = paint.live("█".repeat(filled)) + paint.faint("░".repeat(BAR - filled));
    const room = width - this.#name.length - BAR - 12;
    process.stdout.write(`\r\u001b[K  ${this.#name}${bar} ${percent(this.#share)}  ${doing.slice(0, room)}`);
  }
}

function percent(share: number): string {
  return `${Math.floor(share * 100)} %`.padStart(5);
}
