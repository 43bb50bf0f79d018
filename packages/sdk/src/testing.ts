export {
  type FakeSendOptions,
  FakeServer,
  type FakeServerOptions,
  fakeServer,
  type WelcomeOptions,
} from './fake-server.ts';
export { FakeWebSocket } from './fake-websocket.ts';
