/** Commands for sends whose sender expects a receipt of each client. */
export const receiptCommands = {
  /** Sends to clients and to uids, and expects a ReceiptReport. */
  SendWithReceipt: {
    number: 0x46,
    direction: 'caller → gateway',
    layout: 'receipt, addresses, names uids, payload',
  },
  /** What the clients of a SendWithReceipt have answered. */
  ReceiptReport: {
    number: 0x47,
    direction: 'gateway → caller',
    fields: {
      receiptId: 'u32',
      /** True in the last report. */
      isComplete: 'boolean',
      /** True when the gateway had no room for the receipts: it has sent the message without. */
      isFull: 'boolean',
      devices: 'ReceiptOfDevice[]',
    },
  },
  /** A Replay of a message that has a receipt. */
  ReplayWithReceipt: {
    number: 0x9b,
    direction: 'caller → gateway',
    layout: 'u32 requestId, u32 source, receipt, payload',
  },
} as const;
