import { useState } from 'react';
import { toProblem } from '../client/api.ts';
import type { Problem } from '../store/outgoing.ts';

/** Something that takes a while, and may fail. */
export interface Task<Arguments extends readonly unknown[]> {
  /** Answers whether it succeeded. */
  readonly run: (...args: Arguments) => Promise<boolean>;
  readonly isRunning: boolean;
  /** Why it failed the last time. */
  readonly problem: Problem | null;
  readonly clear: () => void;
}

/** Runs a task once at a time, and keeps what went wrong for the place where it happened. */
export function useTask<Arguments extends readonly unknown[]>(
  work: (...args: Arguments) => Promise<void>,
): Task<Arguments> {
  const [isRunning, setRunning] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const run = async (...args: Arguments) => {
    if (isRunning) return false;
    setRunning(true);
    setProblem(null);
    try {
      await work(...args);
      return true;
    } catch (error) {
      setProblem(toProblem(error));
      return false;
    } finally {
      setRunning(false);
    }
  };
  return { run, isRunning, problem, clear: () => setProblem(null) };
}
