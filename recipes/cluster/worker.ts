import { BusinessWorker, run } from 'gatewayworker';
import {
  readClusterSettings,
  readRegisterAddress,
  readRunSettings,
  readWorkerSettings,
} from './settings.ts';

new BusinessWorker({
  name: 'worker',
  // The build replaces it by `events.js`.
  eventHandler: new URL('./events.ts', import.meta.url),
  registerAddress: readRegisterAddress(process.env),
  ...readWorkerSettings(process.env),
  ...readClusterSettings(process.env),
});

run(readRunSettings(process.env, 'worker'));
