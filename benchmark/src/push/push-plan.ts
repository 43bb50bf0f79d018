/** What a process that pushes from outside is told. */
export type PushCommand =
  | { readonly type: 'push'; readonly uids: number; readonly size: number; readonly window: number }
  | { readonly type: 'received'; readonly messages: number };
