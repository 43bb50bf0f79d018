/** Limits of input, uploads and counts. Texts are counted in UTF-16 code units, like `maxlength`. */
export const limits = {
  /** Shortest and longest account name. */
  nameMin: 2,
  name: 32,
  nickname: 32,
  passwordMin: 8,
  password: 128,
  /** Name of a device. */
  device: 64,
  groupName: 64,
  /** A text message, or the text of a picture. */
  text: 4000,
  /** Bytes of one message on the websocket; a longer one closes the connection with 1009. */
  socketMessageBytes: 65_536,
  /** Bytes of the body of a request, except pictures. */
  bodyBytes: 65_536,
  pictureBytes: 10 * 1024 * 1024,
  /** Width times height of an uploaded picture. */
  picturePixels: 40_000_000,
  /** Longer side of `full.webp` and `small.webp`, in pixels. */
  pictureFull: 2048,
  pictureSmall: 480,
  groupMembers: 200,
  friends: 1000,
  /** Unanswered friend requests of one sender. */
  sentRequests: 100,
  devices: 20,
  /** Groups of one user. */
  groups: 200,
  /** Messages per page of a history. */
  pageSize: 100,
  /** Maximum of `unread`; this value means "or more". */
  unread: 999,
} as const;

/** Rate limits per user and server process; beyond them the answer is `too_fast`. */
export const rateLimits = {
  /** Messages: a burst, then a rate per second. */
  messageBurst: 30,
  messagesPerSecond: 10,
  /** All other messages on the websocket. */
  noticeBurst: 60,
  noticesPerSecond: 20,
  /** Pictures. */
  pictureBurst: 20,
  picturesPerSecond: 0.5,
  /** All other requests that change something. */
  changeBurst: 60,
  changesPerSecond: 5,
} as const;
