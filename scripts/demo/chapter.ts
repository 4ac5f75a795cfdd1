/** One chapter of the tour: a heading, and what is shown under it. */
export interface Chapter {
  readonly title: string;
  /** Starts with an empty heap and leaves an empty heap. Throws when something is not as the text says. */
  run(): void | Promise<void>;
}
