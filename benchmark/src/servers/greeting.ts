/** First message of every server to a new client, sent from `onConnect` or its equivalent. */
export const GREETING = '{"type":"init"}';
