import { BusinessWorker, run } from 'gatewayworker';
import {
  readClusterSettings,
  readRegisterAddress,
  readRunSettings,
  readWorkerSettings,
} from './settings.ts';

new BusinessWorker({
  name: 'worker',
  // Once it is built, `events.js` is what stands there.
  eventHandler: new URL('./events.ts', import.meta.url),
  registerAddress: readRegisterAddress(process.env),
  ...readWorkerSettings(process.env),
  ...readClusterSettings(process.env),
});

run(readRunSettings(process.env, 'worker'));
