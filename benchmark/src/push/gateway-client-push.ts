import { GatewayClient } from 'gatewayworker';
import { servePush } from './push-loop.ts';

// Pushes to uids from outside of a cluster of this framework. The argument is the address of the register.

const client = await GatewayClient.connect({ registerAddress: process.argv[2] ?? '' });
servePush((uid, text) => client.sendToUid(uid, text));
