'use strict';

// Node.js before 20.19 cannot require an ES module and would print ERR_REQUIRE_ESM with a stack. Every supported
// version refuses other runtimes in the required module itself: packages/core/src/supported-runtime.ts.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  const { node } = process.versions;
  process.stderr.write(`gatewayworker needs Node.js 20.19 or newer; this is Node.js ${node}\n`);
  process.exit(1);
}

module.exports = require('./dist/index.js');
