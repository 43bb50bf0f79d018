/** Where the processes listen. */
export interface Settings {
  readonly devicePort: number;
  readonly dashboardPort: number;
  /** Port of the web server with the dashboard. */
  readonly pagePort: number;
  readonly registerPort: number;
  /** First port for inner links, one per gateway process. */
  readonly innerPort: number;
}

/**
 * Reads the settings from environment variables, with a default for each.
 *
 * @throws {RangeError} when a variable is not a port, naming the variable and its value
 */
export function resolveSettings(
  environment: Readonly<Record<string, string | undefined>>,
): Settings {
  const port = (variable: string, fallback: number): number => {
    const value = environment[variable];
    if (value === undefined || value === '') return fallback;
    if (/^\d{1,5}$/.test(value) && Number(value) > 0 && Number(value) <= 65_535)
      return Number(value);
    throw new RangeError(`${variable} is '${value}'; allowed: a port from 1 to 65535`);
  };
  return {
    devicePort: port('DEVICES_PORT', 8285),
    dashboardPort: port('DEVICES_DASHBOARD_PORT', 8286),
    pagePort: port('DEVICES_PAGE_PORT', 3003),
    registerPort: port('DEVICES_REGISTER_PORT', 1238),
    innerPort: port('DEVICES_INNER_PORT', 2930),
  };
}
