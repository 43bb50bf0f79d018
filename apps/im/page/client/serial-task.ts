/**
 * Runs a task without overlap. Calls of `run` during a run are merged into one more run, so that every call is followed
 * by a run that starts after it.
 */
export class SerialTask {
  readonly #task: () => Promise<void>;
  #running: Promise<void> | undefined;
  #isPending = false;

  /** @param task - must not reject */
  constructor(task: () => Promise<void>) {
    this.#task = task;
  }

  run(): void {
    if (this.#running !== undefined) {
      this.#isPending = true;
      return;
    }
    this.#running = this.#task().finally(() => {
      this.#running = undefined;
      if (!this.#isPending) return;
      this.#isPending = false;
      this.run();
    });
  }
}
