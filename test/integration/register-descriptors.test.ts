import { once } from 'node:events';
import { connect } from 'node:net';
import { DescriptorReserve } from '@gatewayworker/core';
import { RegisterRuntime, resolveRegisterOptions } from '@gatewayworker/register';
import { captureLogger, eventually, makeCertificate } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';

/** A reserve whose state the test sets. */
class FakeReserve extends DescriptorReserve {
  isExhausted = true;

  override get isUsed(): boolean {
    return this.isExhausted;
  }

  override hasRoom(): boolean {
    return !this.isExhausted;
  }
}

test.each([false, true])(
  'register: closes links at once while out of descriptors; with TLS: %j',
  async (hasTls) => {
    const { logger } = captureLogger();
    const descriptors = new FakeReserve(logger);
    const { cert, key } = await makeCertificate('register');
    const options = resolveRegisterOptions({
      listen: '127.0.0.1:0',
      ...(hasTls && { secretKey: 'key', innerTls: { cert, key, ca: cert } }),
    });
    const register = new RegisterRuntime(options, { id: 0, logger, descriptors });
    await register.start();
    onTestFinished(() => register.stop());

    for (let attempts = 1; attempts <= 3; attempts += 1) {
      const socket = connect(register.port, '127.0.0.1').on('error', () => undefined);
      await new Promise((resolve) => socket.once('close', resolve));
    }
    expect(register.status()).toMatchObject({
      connections: 0,
      notReadyReasons: ['too many open files: new links are refused'],
      limits: { descriptors: 3, internalError: 0 },
    });

    descriptors.isExhausted = false;
    const socket = connect(register.port, '127.0.0.1').on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
    if (!hasTls) await eventually(() => register.status().connections === 1);
    else await once(socket, 'connect');
    expect(register.status()).toMatchObject({ notReadyReasons: [], limits: { descriptors: 3 } });
  },
);
