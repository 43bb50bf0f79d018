import { type Roles, type RolesOptions, startRoles } from '@gatewayworker/testing';
import { onTestFinished } from 'vitest';

/** Starts roles that end with the test. */
export async function roles(options: RolesOptions): Promise<Roles> {
  const started = await startRoles(options);
  onTestFinished(() => started.stop());
  return started;
}
