// A simulated device that reports a value each second: npm run device -- <name> <value>
import { connect } from 'node:net';
import { deviceProtocol } from './device-protocol.ts';
import { resolveSettings } from './settings.ts';

const [name = 'boiler-1', first = '21.5'] = process.argv.slice(2);
const { devicePort } = resolveSettings(process.env);
const REPORT_MS = 1000;

let value = Number(first);
if (Number.isNaN(value)) throw new RangeError(`the value is '${first}'; allowed: a number`);
let isOn = true;
let received: Buffer = Buffer.alloc(0);
let reports: ReturnType<typeof setInterval> | undefined;

const socket = connect(devicePort, '127.0.0.1');

function send(text: string): void {
  socket.write(deviceProtocol.encode(text));
}

function report(): void {
  value += isOn ? Math.random() - 0.45 : -0.5;
  send(value.toFixed(1));
}

function handle(text: string): void {
  if (text === 'name?') {
    send(name);
    send(value.toFixed(1));
    reports = setInterval(report, REPORT_MS);
    return;
  }
  process.stdout.write(`${name}: ${text}\n`);
  if (text === 'on' || text === 'off') isOn = text === 'on';
}

socket.on('data', (chunk: Buffer) => {
  received = Buffer.concat([received, chunk]);
  while (received.length > 0) {
    const decoded = deviceProtocol.decode(received);
    if (decoded === undefined) return;
    received = received.subarray(decoded.byteLength);
    handle(decoded.message.toString());
  }
});
socket.on('error', ({ message }) => process.stderr.write(`${name}: ${message}\n`));
socket.on('close', () => clearInterval(reports));
