#!/usr/bin/env bash
# Builds the image, starts compose, and has a run of one process answered through the other. Needs Docker with access to its registry; without
# it, says so and ends with 75, which the checks count as skipped.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

if ! docker info >/dev/null 2>&1; then
  echo "NOT CHECKED: there is no Docker daemon, so that the image is neither built nor started."
  exit 75
fi
if ! docker pull -q node:24-slim >/dev/null 2>&1 || ! docker pull -q postgres:18 >/dev/null 2>&1; then
  echo "NOT CHECKED: Docker cannot reach its registry, so that the image is neither built nor started."
  exit 75
fi

compose=(docker compose -p reins-smoke -f deploy/compose.yaml)
trap '"${compose[@]}" down --volumes --timeout 5 >/dev/null 2>&1' EXIT
"${compose[@]}" up --build --detach --quiet-pull || exit 1

# ask PORT PATH [DATA]
ask() {
  curl --silent --show-error --fail --max-time 30 -H "authorization: Bearer change-me" "http://127.0.0.1:$1$2" ${3:+--data "$3"}
}
for port in 4111 4112; do
  for _ in $(seq 60); do
    ask $port /ready >/dev/null 2>&1 && break
    sleep 1
  done
  ask $port /ready >/dev/null || { "${compose[@]}" logs --tail 50; exit 1; }
done
ask 4111 /native/query '{"prompt":"What is in this folder?","threadId":"smoke","stream":false}' | grep -q '"approvals"' || exit 1
approval=$(ask 4112 /native/approvals | grep -o '"id":"apr_[^"]*"' | head -n 1 | cut -d '"' -f 4)
[[ -n $approval ]] || exit 1
ask 4112 "/native/approvals/$approval" '{"type":"reject"}' >/dev/null || exit 1
for _ in $(seq 30); do
  ask 4112 '/native/runs?state=ended' | grep -q '"endReason":"stop"' && echo "The image serves, over two processes." && exit 0
  sleep 1
done
"${compose[@]}" logs --tail 50
exit 1
