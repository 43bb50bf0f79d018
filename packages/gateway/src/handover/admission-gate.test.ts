import { expect, test } from 'vitest';
import type { ClientCandidate, Refusal, TransportHandler } from '../transports/transport.ts';
import { AdmissionGate } from './admission-gate.ts';

const candidate: ClientCandidate = { remoteAddress: '::1', remotePort: 1, request: undefined };

function refusal(reason: string): Refusal {
  return { isAccepted: false, status: 503, reason };
}

/** An admission control that decides when the test orders it. */
function slowControl() {
  const asked: ((reason: string) => void)[] = [];
  const admit: TransportHandler['admit'] = (_candidate, decide) =>
    void asked.push((reason) => decide(refusal(reason)));
  return { asked, admit };
}

test('admission gate: a candidate waits while it is closed', () => {
  const { asked, admit } = slowControl();
  const gate = new AdmissionGate(admit);
  const decisions: unknown[] = [];
  gate.close();
  gate.admit(candidate, (decision) => void decisions.push(decision));
  expect(asked).toHaveLength(0);
  gate.open();
  asked[0]?.('no');
  expect(decisions).toEqual([refusal('no')]);
});

test('admission gate: who decides after the handover is asked again, and alone counts', () => {
  const before = slowControl();
  const after = slowControl();
  const gate = new AdmissionGate(before.admit);
  const decisions: unknown[] = [];
  gate.admit(candidate, (decision) => void decisions.push(decision));
  gate.close();
  gate.open(after.admit);
  before.asked[0]?.('too late');
  expect(decisions).toEqual([]);
  after.asked[0]?.('no');
  after.asked[0]?.('twice');
  expect(decisions).toEqual([refusal('no')]);
});
