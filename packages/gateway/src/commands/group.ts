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

/** Removes a client from a group; no effect if it is not a member. */
export function leaveGroup(state: GatewayState, reader: ByteReader): void {
  const client = readClient(state, reader);
  if (client === undefined) return;
  const group = reader.readRestName();
  client.removeGroup(group);
  state.groups.remove(group, client);
}

/** Removes every client from a group. */
export function ungroup(state: GatewayState, reader: ByteReader): void {
  const group = reader.readRestName();
  for (const client of state.groups.removeName(group)) client.removeGroup(group);
}
