/** Largest session, in bytes of msgpack. The Gateway API and the gateway check it; both read it here. */
export const MAX_SESSION_BYTES: number = 1024 * 1024;

/** Deepest nesting of a session, the session itself counted. */
export const MAX_SESSION_LEVELS = 100;
