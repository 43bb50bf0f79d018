/**
 * Runs a task whenever it is asked to, once at a time: what is asked for meanwhile is one more run behind it, so that
 * each asking is followed by a run that began after it.
 */
export class Repeater {
  readonly #task: () => Promise<void>;
  #running: Promise<void> | undefined;
  #isAskedAgain = false;

  /** @param task - must not reject */
  constructor(task: () => Promise<void>) {
    this.#task = task;
  }

  run(): void {
    if (this.#running !== undefined) {
      this.#isAskedAgain = true;
      return;
    }
    this.#running = this.#task().finally(() => {
      this.#running = undefined;
      if (!this.#isAskedAgain) return;
      this.#isAskedAgain = false;
      this.run();
    });
  }
}
