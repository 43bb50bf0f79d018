import { useState } from 'react';
import { toProblem } from '../client/api.ts';
import type { Problem } from '../store/outgoing.ts';

/** An asynchronous action that may fail. */
export interface Task<Arguments extends readonly unknown[]> {
  /** Returns true on success. */
  readonly run: (...args: Arguments) => Promise<boolean>;
  readonly isRunning: boolean;
  /** The problem of the last run. */
  readonly problem: Problem | null;
  readonly clear: () => void;
}

/** Runs an action without overlap, and keeps its problem for display. */
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
