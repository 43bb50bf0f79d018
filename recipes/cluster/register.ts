import { Register, run } from 'gatewayworker';
import { readClusterSettings, readRegisterSettings, readRunSettings } from './settings.ts';

new Register({
  name: 'register',
  ...readRegisterSettings(process.env),
  ...readClusterSettings(process.env),
});

run(readRunSettings(process.env, 'register'));
