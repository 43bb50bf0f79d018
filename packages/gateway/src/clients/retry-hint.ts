/**
 * Close reason of a client that may come back at once, to another process or a new one: a random wait
 * within these seconds keeps all clients from coming together.
 */
export const RETRY_HINT = 'retry in 1-5 s';
