/** What a dashboard receives as JSON. A command for all clients (`* stop`) comes as bare text. */
export type DashboardMessage =
  /** The first message: all devices that are connected, with their last values. */
  | { readonly devices: readonly { readonly device: string; readonly value?: string }[] }
  | { readonly device: string; readonly here: true }
  | { readonly device: string; readonly value: string }
  | { readonly device: string; readonly gone: true }
  | { readonly error: string };
