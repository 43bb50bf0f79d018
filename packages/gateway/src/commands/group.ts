import type { ByteReader } from '@gatewayworker/protocol';
import type { GatewayState } from '../gateway-state.ts';
import { readClient } from './send.ts';

/** Adds a client to a group. */
export function joinGroup(state: GatewayState, reader: ByteReader): void {
  const client = readClient(state, reader);
  if (client === undefined) return;
  const group = reader.readRestName();
  client.addGroup(group);
  if (!client.isClosing) state.groups.add(group, client);
}

/** Takes a client out of a group; one that is not in it stays out. */
export function leaveGroup(state: GatewayState, reader: ByteReader): void {
  const client = readClient(state, reader);
  if (client === undefined) return;
  const group = reader.readRestName();
  client.removeGroup(group);
  state.groups.remove(group, client);
}

/** Takes every client out of a group. */
export function ungroup(state: GatewayState, reader: ByteReader): void {
  const group = reader.readRestName();
  for (const client of state.groups.removeName(group)) client.removeGroup(group);
}
