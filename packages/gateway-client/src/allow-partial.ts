import { GatewayWorkerError, PartialResultError } from '@gatewayworker/core';

/**
 * Takes what is known for the answer of a query, when not every gateway answers: for callers that can live
 * with less than the whole.
 *
 * ```ts
 * const clientIds = (await allowPartial(gateway.getClientIdByUid(uid))) ?? [];
 * ```
 *
 * @returns the whole answer, or that of the gateways that gave one; `undefined` when no gateway is linked,
 * and when the query is about one client whose gateway does not answer
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
