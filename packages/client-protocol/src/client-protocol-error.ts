/** A frame that violates the client protocol. The receiver closes the connection. */
export class ClientProtocolError extends Error {
  override readonly name = 'ClientProtocolError';
}
