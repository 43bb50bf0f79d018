import type { Worker } from 'node:cluster';
import type { EventEmitter } from 'node:events';

/** A message of node:cluster to one of its processes, or back. */
interface ClusterMessage {
  readonly cmd?: unknown;
  readonly act?: unknown;
  readonly seq?: unknown;
  readonly ack?: unknown;
}

/**
 * Closes the connections that node:cluster was handing to a process when that died.
 *
 * node:cluster keeps its own copy of a connection until the process has answered that it has it
 * (`handoff` in lib/internal/cluster/round_robin_handle.js of Node.js), for ever if that dies first: the
 * client waits for nobody, and the master loses a descriptor. Answered in place of the dead, it closes the
 * copy, and the client hears at once that it must come again. Should another version of Node.js do all
 * this differently, nothing happens here.
 */
export function closeHandedConnections(worker: Worker): void {
  const { process: child } = worker;
  const internals: EventEmitter = child;
  const unanswered = new Set<unknown>();
  const send = child.send;
  child.send = (message: ClusterMessage, ...rest: never[]) => {
    if (message?.cmd === 'NODE_CLUSTER' && message.act === 'newconn') unanswered.add(message.seq);
    return send.call(child, message, ...rest);
  };
  internals.on('internalMessage', ({ ack }: ClusterMessage) => unanswered.delete(ack));
  worker.once('exit', () => {
    // What the process has still said is read until its channel closes.
    const closeAll = (): void => {
      for (const ack of unanswered) {
        internals.emit('internalMessage', { cmd: 'NODE_CLUSTER', ack, accepted: true });
      }
    };
    if (worker.isConnected()) worker.once('disconnect', closeAll);
    else closeAll();
  });
}
