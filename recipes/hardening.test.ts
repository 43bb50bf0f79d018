import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

function read(path: string): string {
  return readFileSync(new URL(path, import.meta.url), 'utf8');
}

test('compose file: every service drops capabilities and gains no privileges', () => {
  const [role = '', services = ''] = read('./docker/compose.yaml').split(/^services:$/m);
  const hardening = ['cap_drop: [ALL]', 'no-new-privileges:true', 'read_only: true'];
  for (const rule of hardening) expect(role).toContain(rule);
  const containers = services
    .split(/^ {2}(?=[\w-]+:$)/m)
    .filter((service) => /image:|<<: \*role/.test(service));
  expect(containers.length).toBeGreaterThanOrEqual(5);
  for (const container of containers) {
    if (container.includes('<<: *role')) continue;
    for (const rule of hardening) expect(container).toContain(rule);
  }
});

test('Kubernetes: every pod has a network policy, and no trusted proxy is preset', () => {
  const policies = read('./kubernetes/network-policy.yaml').split(/^---$/m);
  expect(read('./kubernetes/kustomization.yaml')).toContain('- network-policy.yaml');
  for (const kind of ['register', 'gateway', 'worker']) {
    const app = `app: gatewayworker-${kind}`;
    expect(read(`./kubernetes/${kind}.yaml`)).toContain(app);
    const policy = policies.find((text) => text.includes(`name: gatewayworker-${kind}\n`)) ?? '';
    expect(policy).toContain(
      `podSelector:\n    matchLabels:\n      ${app}\n  policyTypes: [Ingress]`,
    );
  }
  const settings = read('./kubernetes/gateway.yaml').replaceAll(/^\s*#.*$/gm, '');
  expect(settings).not.toContain('GW_TRUST_PROXY');
});
