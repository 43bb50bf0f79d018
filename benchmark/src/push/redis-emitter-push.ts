import { once } from 'node:events';
import { Emitter } from '@socket.io/redis-emitter';
import { Redis } from 'ioredis';
import { servePush } from './push-loop.ts';

// Pushes to uids from outside of the Socket.IO processes. The argument is the port of Redis.

const redis = new Redis({ host: '127.0.0.1', port: Number(process.argv[2]) });
await once(redis, 'ready');
const emitter = new Emitter(redis);
servePush((uid, text) => emitter.to(`uid:${uid}`).emit('m', text));
