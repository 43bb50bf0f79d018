/** A message to a push process. */
export type PushCommand =
  | { readonly type: 'push'; readonly uids: number; readonly size: number; readonly window: number }
  | { readonly type: 'received'; readonly messages: number };
