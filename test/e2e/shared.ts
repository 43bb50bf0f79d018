import { afterAll } from 'vitest';

/** Takes a function to call at the end; `onTestFinished` of vitest is one. */
export type AtEnd = (dispose: Disposer) => void;

type Disposer = () => void | Promise<void>;

/** Calls what it was given after the last test of the file, the last one first. For what the tests share. */
export function atEndOfFile(): AtEnd {
  const disposers: Disposer[] = [];
  afterAll(async () => {
    for (const dispose of disposers.toReversed()) await dispose();
  });
  return (dispose) => void disposers.push(dispose);
}
