/** Ports of the servers under test: out of the way of the chat example, so that both can run. */
export const ports = { gateway: 8292, raw: 8293, register: 1246, inner: 2950 } as const;
