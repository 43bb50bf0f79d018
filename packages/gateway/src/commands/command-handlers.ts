import { type ByteReader, Command } from '@gatewayworker/protocol';
import type { GatewayState } from '../gateway-state.ts';
import type { Caller } from './caller.ts';
import { closeClient, closeGroup, closeUid, destroyClient } from './close.ts';
import { joinGroup, leaveGroup, ungroup } from './group.ts';
import {
  sendReply,
  sendToAll,
  sendToClient,
  sendToClients,
  sendToGroups,
  sendToUids,
} from './send.ts';
import { applySessionDelta, setSession, updateSession } from './session.ts';
import { bindUid, unbindUid } from './uid.ts';

/**
 * Executes one command. The reader is at the start of its body.
 *
 * @throws {GW_ERR_FRAME_MALFORMED} when the body breaks the protocol; then the link is closed
 */
export type CommandHandler = (state: GatewayState, reader: ByteReader, caller: Caller) => void;

/** The handler of each command number. */
export const commandHandlers: ReadonlyMap<number, CommandHandler> = new Map<number, CommandHandler>(
  [
    [Command.SendToClient, sendToClient],
    [Command.SendToClients, sendToClients],
    [Command.SendToAll, sendToAll],
    [Command.SendToUids, sendToUids],
    [Command.SendToGroups, sendToGroups],
    [Command.SendReply, sendReply],
    [Command.CloseClient, closeClient],
    [Command.DestroyClient, destroyClient],
    [Command.CloseUid, closeUid],
    [Command.CloseGroup, closeGroup],
    [Command.BindUid, bindUid],
    [Command.UnbindUid, unbindUid],
    [Command.JoinGroup, joinGroup],
    [Command.LeaveGroup, leaveGroup],
    [Command.Ungroup, ungroup],
    [Command.SetSession, setSession],
    [Command.UpdateSession, updateSession],
    [Command.ApplySessionDelta, applySessionDelta],
  ],
);
