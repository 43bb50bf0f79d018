import { GatewayWorkerError, PartialResultError } from 'gatewayworker';

/**
 * The answer of those gateways that can be reached.
 *
 * One that has just died takes its clients along, and who is on the others is still worth knowing; undefined when none
 * answers.
 */
export async function whereReached<Answer extends object>(
  query: Promise<Answer>,
): Promise<Answer | undefined> {
  try {
    return await query;
  } catch (error) {
    if (error instanceof PartialResultError) return error.partial as Answer;
    if (error instanceof GatewayWorkerError && error.retryable) return undefined;
    throw error;
  }
}
