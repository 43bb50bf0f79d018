/** What every server says to a new client, from where an application's `onConnect` would. */
export const GREETING = '{"type":"init"}';
