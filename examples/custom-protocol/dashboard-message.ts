/** A JSON message to a dashboard. A command for all clients (`* stop`) is sent as plain text instead. */
export type DashboardMessage =
  /** The first message: all connected devices with their last values. */
  | { readonly devices: readonly { readonly device: string; readonly value?: string }[] }
  | { readonly device: string; readonly here: true }
  | { readonly device: string; readonly value: string }
  | { readonly device: string; readonly gone: true }
  | { readonly error: string };
