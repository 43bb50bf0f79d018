/** What the page and the server send to each other: the type parameter of `connect`, and of the code of the server. */
export interface ReconnectProtocol {
  ClientToServer: { text: string };
  ServerToClient: { text: string };
  Requests: {
    sum: { data: readonly number[]; result: number };
    logout: { data: null; result: undefined };
  };
}
