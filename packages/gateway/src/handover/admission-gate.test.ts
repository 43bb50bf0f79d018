import { expect, test } from 'vitest';
import type { ClientCandidate, Refusal, TransportHandler } from '../transports/transport.ts';
import { AdmissionGate } from './admission-gate.ts';

const candidate: ClientCandidate = { remoteAddress: '::1', remotePort: 1, request: undefined };

function refusal(reason: string): Refusal {
  return { isAccepted: false, status: 503, reason };
}

/** No client here has the client protocol. */
const openNone: TransportHandler['openResumable'] = () => {
  throw new Error('not expected');
};

/** An admission control that decides when the test calls it. */
function slowControl() {
  const requests: ((reason: string) => void)[] = [];
  const admit: TransportHandler['admit'] = (_candidate, decide) =>
    void requests.push((reason) => decide(refusal(reason)));
  return { requests, admit };
}

test('admission gate: holds candidates while it is closed', () => {
  const { requests, admit } = slowControl();
  const gate = new AdmissionGate(admit, openNone);
  const decisions: unknown[] = [];
  gate.close();
  gate.admit(candidate, (decision) => void decisions.push(decision));
  expect(requests).toHaveLength(0);
  gate.open();
  requests[0]?.('no');
  expect(decisions).toEqual([refusal('no')]);
});

test('admission gate: after a handover only the new function decides', () => {
  const before = slowControl();
  const after = slowControl();
  const gate = new AdmissionGate(before.admit, openNone);
  const decisions: unknown[] = [];
  gate.admit(candidate, (decision) => void decisions.push(decision));
  gate.close();
  gate.open(after.admit);
  before.requests[0]?.('too late');
  expect(decisions).toEqual([]);
  after.requests[0]?.('no');
  after.requests[0]?.('twice');
  expect(decisions).toEqual([refusal('no')]);
});
