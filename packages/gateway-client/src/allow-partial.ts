import { GatewayWorkerError, PartialResultError } from '@gatewayworker/core';

/**
 * Turns a partial answer of a query into its result, for callers that accept an incomplete answer when not every
 * gateway answers.
 *
 * ```ts
 * const clientIds = (await allowPartial(gateway.getClientIdByUid(uid))) ?? [];
 * ```
 *
 * @returns the complete answer, or that of the gateways that answered; `undefined` when no gateway is linked, and when
 * the query is about one client whose gateway does not answer
 */
export async function allowPartial<Answer>(query: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await query;
  } catch (error) {
    if (error instanceof PartialResultError) {
      const { partial }: PartialResultError<Answer> = error;
      return partial;
    }
    if (error instanceof GatewayWorkerError && error.code === 'GW_ERR_NOT_CONNECTED') {
      return undefined;
    }
    throw error;
  }
}
