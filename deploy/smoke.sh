#!/usr/bin/env bash
# Builds the image, starts compose, has a run of one process answered through the other, kills the first process, and has the second
# go on with its run. Where there is no Docker, or no registry for it, the steps of the Dockerfile and the processes of compose run
# without an image (`test/postgres/rehearsal.ts`). When these are good, it says what was not checked, and exits with 75: an image was
# not built, so that it counts as skipped (`.ci/run`).
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

without=
if ! docker info >/dev/null 2>&1; then
  without="No Docker daemon"
elif ! docker pull -q node:24-slim >/dev/null 2>&1 || ! docker pull -q postgres:18 >/dev/null 2>&1; then
  without="Docker cannot reach its registry"
fi

if [[ -z $without ]]; then
  compose=(docker compose -p reins-smoke -f deploy/compose.yaml)
  trap '"${compose[@]}" down --volumes --timeout 5 >/dev/null 2>&1' EXIT
  "${compose[@]}" up --build --detach --quiet-pull || exit 1
  first=4111 second=4112
  kill_first() { "${compose[@]}" kill --signal SIGKILL first >/dev/null 2>&1; }
  end() { "${compose[@]}" stop second >/dev/null 2>&1; }
else
  echo "$without: steps run without an image."
  node --input-type=module -e 'process.exitCode = await (await import("./scripts/Install.mjs")).ensure()' || exit 1
  # It ends with its standard input.
  coproc STEPS { exec node_modules/.bin/node test/postgres/rehearsal.ts; }
  steps=$STEPS_PID input=${STEPS[1]}
  read -r first first_pid second _ <&"${STEPS[0]}" || { echo "The steps of the image failed."; exit 1; }
  kill_first() { kill -KILL "$first_pid"; }
  end() { exec {input}>&-; wait "$steps"; }
fi

# ask PORT PATH [DATA]
ask() {
  curl --silent --show-error --fail --max-time 30 -H "authorization: Bearer change-me" "http://127.0.0.1:$1$2" ${3:+--data "$3"}
}
# eventually WORDS…: until they succeed, for a minute
eventually() {
  for _ in $(seq 60); do
    "$@" >/dev/null 2>&1 && return 0
    sleep 1
  done
  fail "never: $*"
}
fail() {
  echo "FAILED: $1"
  if [[ -z $without ]]; then "${compose[@]}" logs --tail 50; else end; fi
  exit 1
}
# query PORT THREAD: starts a run that asks a person
query() {
  ask "$1" /native/query "{\"prompt\":\"What is in this folder?\",\"threadId\":\"$2\",\"stream\":false}" | grep -q '"approvals"' || fail "the run asks nobody"
}
# reject PORT: answers the oldest question
reject() {
  local approval
  approval=$(ask "$1" /native/approvals | grep -o '"id":"apr_[^"]*"' | head -n 1 | cut -d '"' -f 4)
  [[ -n $approval ]] || fail "there is no question"
  ask "$1" "/native/approvals/$approval" '{"type":"reject"}' >/dev/null || fail "the answer is not accepted"
}
# ended PORT COUNT
ended() { [[ $(ask "$1" '/native/runs?state=ended' | grep -o '"endReason":"stop"' | wc -l) -eq $2 ]]; }

for port in "$first" "$second"; do
  eventually ask "$port" /ready
  ask "$port" /health >/dev/null || fail "/health of $port"
  [[ $(curl --silent --output /dev/null --write-out '%{http_code}' "http://127.0.0.1:$port/native/runs") == 401 ]] || fail "a request without a key is not refused"
done
query "$first" smoke
reject "$second"
eventually ended "$second" 1
query "$first" killed
kill_first || fail "the first process cannot be killed"
eventually ask "$second" /ready
reject "$second"
eventually ended "$second" 2
end || fail "a process does not end when it is stopped"
if [[ -z $without ]]; then
  echo "The image serves, over two processes, and goes on when one is killed."
  exit 0
fi
cat <<EOF
$without, so that no image was built.
Rehearsed without one, and good: the instructions of deploy/Dockerfile, its health check and its user; the services that
  deploy/compose.yaml builds, with their settings, over the Postgres of the tests; requests without a key; a run of one process that the
  other answers; a process that is killed, whose run the other goes on with; the end of a process that is stopped.
Not checked: that Docker builds the image, its base image, that the image has all it needs, and compose itself: its
  Postgres, its network and its volumes. Run this where there is Docker.
EOF
exit 75
