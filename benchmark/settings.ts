/** Ports of the servers under test: out of the way of the chat example, so that both can run. */
export const ports = { gateway: 8292, raw: 8293, register: 1246, inner: 2950 } as const;

/** First ports of the cluster that `scaling.ts` starts: one per gateway from `gateway` and from `inner` on. */
export const scalingPorts = { gateway: 8302, register: 1247, inner: 2960 } as const;
