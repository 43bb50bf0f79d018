import { type Roles, type RolesOptions, startRoles } from '@gatewayworker/testing';
import { onTestFinished } from 'vitest';

/** Starts roles that end with the test. */
export async function roles(options: RolesOptions): Promise<Roles> {
  const started = await startRoles(options);
  onTestFinished(() => started.stop());
  return started;
}

/** Something that callbacks wait for. */
export interface Gate {
  readonly opened: Promise<void>;
  readonly open: () => void;
}

/** Makes a gate that is closed. */
export function gate(): Gate {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
