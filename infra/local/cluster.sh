#!/usr/bin/env bash
# Nine silos in three regions on this machine, with a PostgreSQL for each region. Called by `./geo cluster`.
#
#   cluster.sh up|down|status DIR HTTP_PORT SILO_COMMAND...
#
# Everything is on loopback. Node k answers REST on HTTP_PORT + k; silo, gateway and PostgreSQL ports follow at 100, 200 and 300 above.
# A silo that ends by itself is started again, unless it says that this cannot help (exit code 2). All state is in DIR: data, logs, the
# cluster file, and the id of every process that was started.
set -euo pipefail

readonly REGIONS=(us-east1 us-west1 europe-west1) ZONES=(a b c) NODES=9
readonly EXIT_FAILED=1 EXIT_USAGE=2 EXIT_MISSING=3
readonly READY_SECONDS=120 STOP_SECONDS=40

command=$1 dir=$2 http=$3; shift 3
silo=("$@")

say() { printf 'cluster: %s\n' "$*" >&2; }
die() { local code=$1; shift; say "$*"; exit "$code"; }

region_of() { printf '%s' "${REGIONS[$((($1 - 1) / 3))]}"; }
zone_of() { printf '%s-%s' "$(region_of "$1")" "${ZONES[$((($1 - 1) % 3))]}"; }
url_of() { printf 'http://127.0.0.1:%d' $((http + $1)); }
pg_port() { printf '%d' $((http + 301 + $1)); }
lives() { [[ -s $1 ]] && kill -0 "$(cat "$1")" 2>/dev/null; }

databases() {
  local region
  for region in "${!REGIONS[@]}"; do
    printf '%s=Host=127.0.0.1;Port=%s;Username=postgres;Database=postgres\n' "${REGIONS[$region]}" "$(pg_port "$region")"
  done
}

# --- PostgreSQL -------------------------------------------------------------------------------------------------------

pg_binary() {
  local found
  for found in "$(command -v "$1" || true)" /usr/lib/postgresql/*/bin/"$1"; do
    if [[ -x $found ]]; then printf '%s' "$found"; return; fi
  done
  die $EXIT_MISSING "PostgreSQL's $1 is missing; install your system's package of the server (Debian calls it postgresql)."
}

# PostgreSQL refuses root.
as_postgres() {
  local user
  if (($(id -u) != 0)); then "$@"; return; fi
  for user in postgres nobody; do
    if id "$user" >/dev/null 2>&1; then setpriv --reuid="$user" --clear-groups -- "$@"; return; fi
  done
  die $EXIT_MISSING "PostgreSQL refuses root, and there is neither a user 'postgres' nor 'nobody' to run it as."
}

start_postgres() {
  local region=$1 home="$dir/pg-${REGIONS[$1]}"
  if [[ ! -d $home/data ]]; then
    mkdir -p "$home"
    (($(id -u) != 0)) || chown "$(id -un postgres 2>/dev/null || echo nobody)" "$home"
    as_postgres "$(pg_binary initdb)" -D "$home/data" -U postgres -A trust -E UTF8 --locale=C >"$home/initdb.log" 2>&1 \
      || die $EXIT_FAILED "initdb failed; see $home/initdb.log."
  fi
  as_postgres "$(pg_binary pg_ctl)" -D "$home/data" -w -l "$home/log" \
    -o "-p $(pg_port "$region") -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c shared_buffers=16MB" start >/dev/null 2>&1 \
    || die $EXIT_FAILED "PostgreSQL of ${REGIONS[$region]} did not start; see $home/log."
}

stop_postgres() {
  local home="$dir/pg-${REGIONS[$1]}"
  [[ -e $home/data/postmaster.pid ]] || return 0
  as_postgres "$(pg_binary pg_ctl)" -D "$home/data" -m fast -w stop >/dev/null 2>&1 || say "PostgreSQL in $home did not stop."
}

# --- silos ------------------------------------------------------------------------------------------------------------

# Runs a silo, and again when it ends by itself.
supervise() {
  local node=$1 home="$dir/n$1" code first=()
  mkdir -p "$home"
  while [[ ! -e $home/stop ]]; do
    [[ -d $home/data ]] && first=() || first=(--first-start)
    code=0
    GEO_CLUSTERING="$(databases)" "${silo[@]}" run --name "n$node" --region "$(region_of "$node")" --zone "$(zone_of "$node")" \
      --data "$home/data" --cluster-file "$dir/cluster.json" "${first[@]}" \
      --silo-port $((http + 100 + node)) --gateway-port $((http + 200 + node)) --http-port $((http + node)) >>"$home/log" 2>&1 &
    printf '%d\n' $! >"$home/pid"
    wait $! || code=$?
    ((code != 0 && code != EXIT_USAGE)) || break
    sleep 1
  done
}

is_ready() { [[ $(curl -s -m 2 -o /dev/null -w '%{http_code}' "$(url_of "$1")/readyz" || true) == 200 ]]; }

await_ready() {
  local node until=$((SECONDS + READY_SECONDS))
  for ((node = 1; node <= NODES; node++)); do
    until is_ready "$node"; do
      lives "$dir/n$node/supervisor" || die $EXIT_FAILED "node n$node ended: $(tail -n 1 "$dir/n$node/log")"
      ((SECONDS < until)) || die $EXIT_FAILED "node n$node is not ready after $READY_SECONDS s; see $dir/n$node/log."
      sleep 0.3
    done
  done
}

up() {
  local node region seeds=()
  for ((node = 1; node <= NODES; node++)); do
    ! lives "$dir/n$node/supervisor" || die $EXIT_USAGE "the cluster in $dir is up already; './geo cluster down' stops it."
    seeds+=(--seed "n$node=$(region_of "$node")/$(zone_of "$node")@$(url_of "$node")")
  done
  mkdir -p "$dir"
  chmod 755 "$dir"
  for region in "${!REGIONS[@]}"; do start_postgres "$region"; done
  [[ ! -e $dir/cluster.json ]] || seeds=()
  GEO_CLUSTERING="$(databases)" "${silo[@]}" init --cluster-file "$dir/cluster.json" "${seeds[@]}" \
    || die $EXIT_FAILED "the cluster could not be founded."
  for ((node = 1; node <= NODES; node++)); do
    mkdir -p "$dir/n$node"
    rm -f "$dir/n$node/stop"
    supervise "$node" </dev/null >/dev/null 2>&1 &
    printf '%d\n' $! >"$dir/n$node/supervisor"
    disown
  done
  await_ready
  say "nine nodes are ready; their data and logs are in $dir"
  status
}

down() {
  local node until
  for ((node = 1; node <= NODES; node++)); do
    [[ ! -d $dir/n$node ]] || touch "$dir/n$node/stop"
    ! lives "$dir/n$node/pid" || kill -TERM "$(cat "$dir/n$node/pid")" || true
  done
  until=$((SECONDS + STOP_SECONDS))
  for ((node = 1; node <= NODES; node++)); do
    while lives "$dir/n$node/pid"; do
      if ((SECONDS >= until)); then
        say "node n$node did not stop in $STOP_SECONDS s and is killed."
        kill -KILL "$(cat "$dir/n$node/pid")" || true
      fi
      sleep 0.2
    done
    rm -f "$dir/n$node/pid" "$dir/n$node/supervisor"
  done
  for node in "${!REGIONS[@]}"; do stop_postgres "$node"; done
  say "the cluster in $dir is down; 'up' brings it back as it was."
}

status() {
  local node state good=1
  for ((node = 1; node <= NODES; node++)); do
    if ! lives "$dir/n$node/pid"; then state=down good=0
    elif is_ready "$node"; then state=ready
    else state="not ready" good=0
    fi
    printf '%-4s %-14s %-16s %-9s %s\n' "n$node" "$(region_of "$node")" "$(zone_of "$node")" "$state" "$(url_of "$node")"
  done
  ((good))
}

case "$command" in
  up) up ;;
  down) down ;;
  status) status || exit $EXIT_FAILED ;;
  *) die $EXIT_USAGE "there is no command '$command': up, down or status." ;;
esac
