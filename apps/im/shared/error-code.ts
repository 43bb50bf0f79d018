/** HTTP status of each error code. */
export const errorStatus = {
  /** A field is missing, of a wrong type or out of its range; `message` says which. */
  invalid: 400,
  /** The name or the password is wrong; the error does not reveal which one. */
  wrong_credentials: 401,
  not_logged_in: 401,
  /** The token is unknown, has expired or was logged out. */
  token_stale: 401,
  /** The request comes from a page of another site. */
  wrong_origin: 403,
  /** The other user has blocked you. */
  blocked: 403,
  /** You have blocked the other user. */
  you_blocked: 403,
  not_friends: 403,
  /** Only the owner of the group may do this. */
  not_owner: 403,
  not_found: 404,
  user_unknown: 404,
  /** The conversation does not exist, or you are not a member; the error does not reveal which one. */
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
  /** A limit is reached; `message` names it and its maximum. */
  limit_reached: 409,
  /** The client id was used for another message of the conversation. */
  client_id_used: 409,
  /** A body or a message on the websocket has too many bytes. */
  too_large: 413,
  text_too_long: 413,
  picture_too_large: 413,
  picture_too_many_pixels: 413,
  wrong_content_type: 415,
  not_a_picture: 415,
  /** A rate limit is exceeded; retry after `retryAfterMs`. */
  too_fast: 429,
  internal: 500,
  /** A queue of the server is full, or its database is unavailable; retry after `retryAfterMs`. */
  busy: 503,
  /** The gateways cannot be reached; retry after `retryAfterMs`. */
  cluster_unreachable: 503,
} as const;

/** Error code for programs; the message is for users. */
export type ErrorCode = keyof typeof errorStatus;

/** Returns true if the same request may succeed later. */
export function isRetryable(code: ErrorCode): boolean {
  return code === 'too_fast' || code === 'busy' || code === 'cluster_unreachable';
}
