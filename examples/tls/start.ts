import { readFileSync } from 'node:fs';
import { BusinessWorker, Gateway, Register, run } from 'gatewayworker';

const {
  TLS_PORT = '8291',
  TLS_REGISTER_PORT = '1244',
  TLS_INNER_PORT = '2980',
  TLS_CERT = new URL('./cert.pem', import.meta.url).pathname,
  TLS_KEY = new URL('./key.pem', import.meta.url).pathname,
} = process.env;
const registerAddress = `127.0.0.1:${TLS_REGISTER_PORT}`;

new Register({ listen: registerAddress });

new Gateway({
  name: 'tls-gateway',
  listen: `websocket://127.0.0.1:${TLS_PORT}`,
  // Every process runs this file: a new gateway process reads the files again.
  tls: { cert: readFileSync(TLS_CERT), key: readFileSync(TLS_KEY), minVersion: 'TLSv1.2' },
  startPort: Number(TLS_INNER_PORT),
  registerAddress,
});

new BusinessWorker({
  name: 'tls-worker',
  eventHandler: new URL('./events.ts', import.meta.url),
  registerAddress,
});

run();
