/** Every error that the server tells a client of, with the HTTP status that goes with it. */
export const errorStatus = {
  /** A field is missing, of a wrong type or out of its range; `message` says which. */
  invalid: 400,
  /** The name or the password is wrong; which of them is not told. */
  wrong_credentials: 401,
  not_logged_in: 401,
  /** There was a token, but it is unknown, has expired or was logged out. */
  token_stale: 401,
  /** A page of another site asks. */
  wrong_origin: 403,
  /** The other person has blocked you. */
  blocked: 403,
  /** You have blocked the other person. */
  you_blocked: 403,
  not_friends: 403,
  /** Only the owner of the group may do this. */
  not_owner: 403,
  not_found: 404,
  user_unknown: 404,
  /** There is no such conversation, or you are not in it: which of them is not told. */
  conversation_unknown: 404,
  request_unknown: 404,
  /** The link is wrong, has expired or was withdrawn. */
  invitation_unknown: 404,
  device_unknown: 404,
  picture_unknown: 404,
  name_taken: 409,
  phone_taken: 409,
  already_friends: 409,
  already_requested: 409,
  already_member: 409,
  group_full: 409,
  /** There are too many of something; `message` says of what, and how many are allowed. */
  limit_reached: 409,
  /** The same client id was used for another message of this conversation. */
  client_id_used: 409,
  /** A body or a message on the websocket has too many bytes. */
  too_large: 413,
  text_too_long: 413,
  picture_too_large: 413,
  picture_too_many_pixels: 413,
  wrong_content_type: 415,
  not_a_picture: 415,
  /** You go too fast; `retryAfterMs` says when to go on. */
  too_fast: 429,
  internal: 500,
  /** A queue of the server is full, or its database does not answer; try again after `retryAfterMs`. */
  busy: 503,
  /** The gateways cannot be reached right now; try again after `retryAfterMs`. */
  cluster_unreachable: 503,
} as const;

/** Code of an error: programs go by it, people by the message. */
export type ErrorCode = keyof typeof errorStatus;

/** Tells whether the same request may succeed later. */
export function isRetryable(code: ErrorCode): boolean {
  return code === 'too_fast' || code === 'busy' || code === 'cluster_unreachable';
}
