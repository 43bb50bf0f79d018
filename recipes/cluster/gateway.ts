import { Gateway, run } from 'gatewayworker';
import {
  readClusterSettings,
  readGatewaySettings,
  readRegisterAddress,
  readRunSettings,
} from './settings.ts';

new Gateway({
  name: 'gateway',
  registerAddress: readRegisterAddress(process.env),
  ...readGatewaySettings(process.env),
  ...readClusterSettings(process.env),
});

run(readRunSettings(process.env, 'gateway'));
