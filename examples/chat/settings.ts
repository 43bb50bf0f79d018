/** Where the processes of the chat listen. */
export interface ChatSettings {
  /** Address of the page and of the websocket listener; inner links stay on 127.0.0.1. */
  readonly host: string;
  /** Port of the page; 0 chooses a free one. */
  readonly pagePort: number;
  /** Port the page opens its websocket to. */
  readonly gatewayPort: number;
  readonly registerPort: number;
  /** First port for inner links, one per gateway process; 0 chooses free ones. */
  readonly innerPort: number;
}

/**
 * Reads the settings of the chat from environment variables, with a default for each.
 *
 * @throws {RangeError} when a variable is not a port, naming the variable and its value
 */
export function resolveChatSettings(
  environment: Readonly<Record<string, string | undefined>>,
): ChatSettings {
  const port = (variable: string, fallback: number): number => {
    const value = environment[variable];
    if (value === undefined || value === '') return fallback;
    if (/^\d{1,5}$/.test(value) && Number(value) <= 65_535) return Number(value);
    throw new RangeError(`${variable} is '${value}'; allowed: a port from 0 to 65535`);
  };
  return {
    host: environment['CHAT_HOST'] || '127.0.0.1',
    pagePort: port('CHAT_PAGE_PORT', 3000),
    gatewayPort: port('CHAT_GATEWAY_PORT', 8282),
    registerPort: port('CHAT_REGISTER_PORT', 1236),
    innerPort: port('CHAT_INNER_PORT', 2900),
  };
}
