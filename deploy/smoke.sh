#!/usr/bin/env bash
# The whole thing for what it is: builds the images, starts them beside a stand-in for Telegram, and while 2,000 messages
# run adds workers, kills a process of each service, rolls all of them, and takes all away and brings it back with its
# volume. Ends with a table, and with exit code 1 if a message was lost, answered twice or out of order. Needs Docker with
# compose; leaves nothing behind. SMOKE_WITH names one more compose file, for a network that needs it.
set -euo pipefail
cd "$(dirname "$0")/.."
messages=${1:-2000}
work=$(mktemp -d)
export SECRETS=$work/secrets COMPOSE_PROJECT_NAME=malbeot-smoke
export COMPOSE_FILE=docker-compose.yml:deploy/smoke.yml${SMOKE_WITH:+:$SMOKE_WITH}
trap 'docker compose down --volumes --timeout 5 >/dev/null 2>&1 || true; [ -n "${failed:-}" ] || rm -r "$work"' EXIT

step() { printf '%-58s %6d said %6d sent %5d s\n' "$1" "$(said)" "$(users sent)" $((SECONDS - began)); }
said() { docker compose exec -T telegram sh -c 'cat /tmp/said.jsonl 2>/dev/null | wc -l'; }
users() { docker compose exec -T telegram python smoke.py "$@"; }
# Logs go with their containers, so they are taken down before.
keep_log() { docker compose logs --no-log-prefix --no-color "$1" >>"$work/$1.log" 2>/dev/null; }
replace() {
  docker compose stop "$1" 2>/dev/null
  keep_log "$1"
  begin "$1" --force-recreate
}
begin() { # SERVICE OPTIONS…
  local service=$1
  shift
  [ "$service" != worker ] || set -- "$@" --scale worker=4
  docker compose up -d --no-deps --no-build "$@" "$service" 2>/dev/null
}
healthy() { # all of it, within what the health checks allow
  docker compose up -d --wait --no-build 2>"$work/up.log" && return
  tail -n 3 "$work/up.log" >&2
  docker compose ps --all >&2
  exit 1
}
await() { # until half of a minute brings no more replies
  local before=-1 now quiet=0
  while [ $quiet -lt 6 ]; do
    sleep 5
    now=$(users sent)
    [ "$now" = "$before" ] && quiet=$((quiet + 1)) || quiet=0
    before=$now
  done
}

echo '110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw' | deploy/setup.sh 2>/dev/null # the documentation's own example
docker compose build --quiet
healthy
began=$SECONDS
step 'started'
users say "$messages" &
talking=$!
sleep 8
step 'messages come in'
docker compose up -d --no-build --no-recreate --scale worker=2 2>/dev/null
sleep 8
step '2 workers'
docker compose up -d --no-build --no-recreate --scale worker=4 2>/dev/null
sleep 8
step '4 workers'
for service in worker gateway redis; do
  docker compose kill --signal KILL "$service" 2>/dev/null
  sleep 1
  begin "$service" --no-recreate
  sleep 4
  step "$service killed, and started again"
done
for service in gateway worker redis; do
  replace "$service"
  sleep 4
  step "$service replaced"
done
wait $talking
docker compose stop gateway worker redis 2>/dev/null
for service in gateway worker redis; do keep_log "$service"; done
docker compose rm -f gateway worker redis 2>/dev/null >&2
healthy
step 'all taken away, and back with the volume'
await
for service in gateway worker redis; do keep_log "$service"; done
step 'nothing more to say'
users check 2 <"$work/gateway.log" || { failed=yes; echo "the logs are in $work" >&2; exit 1; }
docker images --format '{{.Repository}} {{.Size}}' | grep '^malbeot-'
