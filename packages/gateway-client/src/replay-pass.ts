import { type Message, type SourcePosition, writeMessage } from '@gatewayworker/protocol';
import type { Lane } from './lane.ts';
import { type LaneAnswer, LanePass, type ReplayOutput } from './lane-pass.ts';

/** Added to the ages in a request: they were measured by the clock of another process. */
const AGE_SLACK_MS = 1000;

/** Requests read, entries compared or frames written between two checks of the clock. */
const STEPS_PER_CLOCK_CHECK = 64;

/** What the answer to one request says about the lanes that the pass has completed. */
interface Findings {
  readonly positions: SourcePosition[];
  readonly gaps: SourcePosition[];
}

/**
 * Answers several ReplayRequests of one gateway by one pass over each lane of this process, its own lane last.
 *
 * A pass may take several turns of the event loop. ReplayDone of a client is written only in a turn in which the pass
 * has reached the end of the own lane, so the answer contains every send before it, and live sends follow. The other
 * lanes do not grow.
 */
export class ReplayPass {
  readonly #own: Lane;
  readonly #output: ReplayOutput;
  readonly #now: () => number;
  readonly #requests: readonly Message<'replayRequest'>[];
  /** When the requests arrived, earlier by the slack. */
  readonly #startedAt: number;
  /** Adopted lanes whose pass has not started. */
  readonly #adopted: Lane[];
  /** By the index of the request. */
  readonly #findings: Findings[];
  /** The pass over the current lane. */
  #pass: LanePass;
  /** Index of the first client without the end of its answer about the current lane. */
  #nextDone = 0;

  /** @param adopted - the lanes of other processes */
  constructor(
    own: Lane,
    requests: readonly Message<'replayRequest'>[],
    output: ReplayOutput,
    {
      now = () => performance.now(),
      adopted = [],
    }: { readonly now?: () => number; readonly adopted?: Iterable<Lane> } = {},
  ) {
    this.#own = own;
    this.#output = output;
    this.#now = now;
    this.#requests = requests;
    this.#findings = requests.map(() => ({ positions: [], gaps: [] }));
    this.#startedAt = now() - AGE_SLACK_MS;
    this.#adopted = [...adopted];
    this.#pass = this.#nextPass();
  }

  /**
   * Continues until the deadline, or until the link is full.
   *
   * @returns true when every client has its answer
   */
  run(deadline: number): boolean {
    let steps = 0;
    while (!this.#output.isFull) {
      const pass = this.#pass;
      const request = this.#requests[pass.size];
      if (request !== undefined) pass.add(request, this.#startedAt);
      else if (!pass.isAtEnd) pass.step();
      else if (this.#nextDone < this.#requests.length) this.#finishNext(pass);
      else if (pass.source === this.#own.source) return true;
      else this.#pass = this.#nextPass();
      steps += 1;
      if (steps % STEPS_PER_CLOCK_CHECK === 0 && this.#now() >= deadline) return false;
    }
    return false;
  }

  #nextPass(): LanePass {
    this.#nextDone = 0;
    return new LanePass(this.#adopted.shift() ?? this.#own, this.#output);
  }

  /** Ends the answer to one client about the current lane. The end of the lane is reached. */
  #finishNext(pass: LanePass): void {
    const index = this.#nextDone;
    this.#nextDone += 1;
    const findings = this.#findings[index];
    const request = this.#requests[index];
    if (findings === undefined || request === undefined) return;
    const { positions, gaps } = findings;
    const { position, gap }: LaneAnswer = pass.finish(index);
    if (gap !== undefined) gaps.push(gap);
    if (pass.source !== this.#own.source) {
      if (position !== undefined) positions.push(position);
      return;
    }
    const { source, lastOffset: offset } = this.#own;
    positions.unshift({ source, offset });
    const { requestId } = request;
    writeMessage(this.#output.writer(), { type: 'replayDone', requestId, positions, gaps });
  }
}
