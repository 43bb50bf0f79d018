import { extname } from 'node:path';
import { BusinessWorker, run } from 'gatewayworker';
import {
  readClusterSettings,
  readRegisterAddress,
  readRunSettings,
  readWorkerSettings,
} from './settings.ts';

new BusinessWorker({
  name: 'worker',
  // `events.ts` beside the sources, `events.js` once they are built.
  eventHandler: new URL(`./events${extname(import.meta.url)}`, import.meta.url),
  registerAddress: readRegisterAddress(process.env),
  ...readWorkerSettings(process.env),
  ...readClusterSettings(process.env),
});

run(readRunSettings(process.env, 'worker'));
