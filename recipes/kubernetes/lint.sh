#!/bin/sh
# Checks the manifests of this folder without a cluster: kubectl (Debian: kubernetes-client) assembles them, and
# TypeScript checks each object against the published types of Kubernetes. An unknown or missing key, or a value of a
# wrong type, is an error. Needs npm, which fetches the types. Without kubectl, the files are checked one by one, except
# for kustomization.yaml, and a warning says so.
set -eu

folder=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if command -v kubectl > /dev/null; then
  kubectl kustomize "${1:-$folder}" > "$work/all.yaml"
else
  echo 'kubectl is not here: kustomization.yaml is not checked'
  for file in "${1:-$folder}"/*.yaml; do
    case $file in */kustomization.yaml) continue ;; esac
    printf -- '---\n' >> "$work/all.yaml"
    cat "$file" >> "$work/all.yaml"
  done
fi
cd "$work"
npm install --silent --no-audit --no-fund --no-save kubernetes-types@1.30.0 typescript@5.9.3 yaml@2.9.1

cat > write.mjs <<'END'
import { readFileSync, writeFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';

const lines = parseAllDocuments(readFileSync('all.yaml', 'utf8')).map((document, index) => {
  const object = document.toJS();
  const { apiVersion } = object;
  const group = apiVersion.includes('/') ? apiVersion.replace('.k8s.io/', '/') : `core/${apiVersion}`;
  const type = `import('kubernetes-types/${group}').${object.kind}`;
  console.log(`${object.kind} ${object.metadata.name}`);
  return `export const object${index}: ${type} = ${JSON.stringify(object, undefined, 2)};`;
});
if (lines.length === 0) throw new Error('there is nothing to check');
writeFileSync('check.ts', lines.join('\n'));
END
node write.mjs
npx tsc --strict --noEmit --module nodenext --skipLibCheck check.ts
echo 'nothing is wrong with them'
