#!/bin/sh
# Tests the Dockerfile and the compose file on Linux: builds the image, starts the cluster with its own project name and
# key, sends messages through nginx, stops one gateway and sends again. At the end it removes everything except the
# image. It needs docker with compose; or podman with docker-compose, or with a podman-compose that supports fixed
# addresses (the one of Debian 12 does not).
#
#   ENGINE=podman            use podman although docker is installed
#   PORT=8080                port of nginx on this machine
#   NODE_IMAGE, NGINX_IMAGE  base images instead of those of Docker Hub
set -eu

folder=$(cd "$(dirname "$0")" && pwd)
cd "$folder/../.."
engine=${ENGINE:-$(docker info > /dev/null 2>&1 && echo docker || echo podman)}
case $engine in
  docker) if docker compose version > /dev/null 2>&1; then compose='docker compose'; else compose=docker-compose; fi ;;
  podman) if command -v docker-compose > /dev/null; then compose=docker-compose; else compose=podman-compose; fi ;;
  *) echo "ENGINE is $engine, allowed: docker, podman" >&2; exit 2 ;;
esac
for program in "$engine" "${compose%% *}"; do
  command -v "$program" > /dev/null || { echo "$program is not installed" >&2; exit 2; }
done
export PORT="${PORT:-8080}"
node_image=${NODE_IMAGE:-node:24-bookworm-slim}
work=$(mktemp -d)
export SECRET_KEY_FILE="$work/secret-key"
head -c 32 /dev/urandom | base64 > "$SECRET_KEY_FILE"
# The user of the containers must read it; on this machine its folder is accessible to its owner only.
chmod 644 "$SECRET_KEY_FILE"
# The image format with health checks; docker always uses it.
export BUILDAH_FORMAT=docker

service=''
if [ "$engine/$compose" = podman/docker-compose ]; then
  podman system service --time=0 "unix://$work/podman.sock" &
  service=$!
  export DOCKER_HOST="unix://$work/podman.sock"
fi

checks=''
if [ "$engine" = podman ] && [ ! -d /run/systemd/system ]; then
  # Podman needs systemd for health checks; without it they are run here.
  while sleep 2; do
    for container in $(podman ps -q --filter name=gatewayworker-try); do
      podman healthcheck run "$container" > /dev/null 2>&1 || true
    done
  done &
  checks=$!
fi

in_cluster() {
  $compose -p gatewayworker-try -f recipes/docker/compose.yaml "$@"
}

finish() {
  status=$?
  trap - EXIT INT TERM
  [ "$status" = 0 ] || in_cluster logs || true
  in_cluster down > "$work/down" 2>&1 || cat "$work/down" >&2
  for helper in $checks $service; do kill "$helper" || true; done
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT
trap 'exit 1' INT TERM

talk() {
  "$engine" run --rm -i --network host gatewayworker-app --input-type=module - \
    "ws://127.0.0.1:$PORT/" 172.30.82.2 < recipes/docker/talk.mjs
}

# Repeats until it works, for at most two minutes.
talk_soon() {
  deadline=$(($(date +%s) + 120))
  until talk > "$work/talk" 2>&1; do
    if [ "$(date +%s)" -ge "$deadline" ]; then
      cat "$work/talk" >&2
      return 1
    fi
    sleep 1
  done
  cat "$work/talk"
}

"$engine" build --build-arg "NODE_IMAGE=$node_image" -f recipes/docker/Dockerfile -t gatewayworker-app .
in_cluster up -d --no-build
echo 'cluster started'
talk_soon
in_cluster stop gateway1
echo 'one gateway stopped'
talk_soon
echo 'all checks passed'
