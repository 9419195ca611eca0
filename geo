#!/usr/bin/env bash
# The one command of the repository. `./geo help` says what it does.
#
# Works from any folder, in a fresh clone, without a terminal and without input. It changes nothing outside the
# repository, except that it installs missing Debian packages where it may.
set -euo pipefail

readonly EXIT_FAILED=1 EXIT_USAGE=2 EXIT_MISSING=3
readonly SDK_PAGE=https://dotnet.microsoft.com/download/dotnet/10.0
root="$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)"
readonly root
caller_dir="$PWD"
readonly caller_dir
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
export DOTNET_CLI_UI_LANGUAGE=en # Messages of the build are read below.
# A build server that outlives this script would hold the caller's pipes open.
export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0
if [[ -z ${HOME:-} ]]; then # dotnet refuses to run without one.
  HOME="$(getent passwd "$(id -u)" | cut -d : -f 6)"
  [[ -w $HOME ]] || { HOME="$root/artifacts/home"; mkdir -p "$HOME"; }
  export HOME
fi

say() { printf 'geo: %s\n' "$*" >&2; }
die() { local code=$1; shift; say "$*"; exit "$code"; }

show_help() {
  cat <<'TEXT'
usage: ./geo <command>

  demo [options]           nine nodes in three regions in one process, with REST on port 7100
       --http-port P         first port: the front door is P, node k is P+k
       --data DIR            keep the data in DIR on RocksDB; without it the data is in memory
       --keep-versions-seconds N  how far back rows can be read; 25 hours unless given
       --load iso            load all ISO 3166 countries and subdivisions, and verify each
       --otlp-endpoint URL   send metrics and spans to a collector, OTLP over HTTP
       --script NAME         rejoin, kill-zone, kill-two-zones, kill-region, pause-zone, pause-region,
                             cut-region, cut-region-in or cut-region-out
  cluster up|down|status   nine silo processes in three regions on this machine, with a PostgreSQL for each region
       --http-port P         node k answers REST on P+k; 7200 unless given
       --dir DIR             their data and logs; artifacts/cluster unless given
  test                     build and run every test; the last line is "N passed, N failed, N skipped"
  bench [name] [options]   measure; "bench kv" is the one to start with, "bench hosts" compares the host on Orleans
  sim --seeds N --from S   run N simulation seeds, the first one being S
  key --name N --grant G   make an API key for the REST interface of geo-silo; "key --help" says which grants there are
  verify                   check format, build and drift; changes no file that git tracks
  help                     this text

exit codes: 0 good · 1 a build, test or check failed · 2 wrong usage · 3 something is missing that cannot be installed here
TEXT
}

# --- what must be on the machine ------------------------------------------------------------------------------------

need_sdk() {
  local candidate version
  for candidate in "${DOTNET_ROOT:-}" "$HOME/.dotnet" /usr/share/dotnet /usr/lib/dotnet /usr/local/share/dotnet; do
    command -v dotnet >/dev/null 2>&1 && break
    [[ -n $candidate && -x $candidate/dotnet ]] && PATH="$candidate:$PATH"
  done
  if ! command -v dotnet >/dev/null 2>&1; then
    die $EXIT_MISSING "the .NET 10 SDK is missing; install it from $SDK_PAGE and run this again."
  fi
  if ! version="$(cd "$root" && dotnet --version 2>/dev/null)"; then
    die $EXIT_MISSING "no installed .NET SDK is $(sdk_wanted) or a later 10.0; install one from $SDK_PAGE and run this again."
  fi
  [[ $version == 10.* ]] || die $EXIT_MISSING "the .NET SDK found is $version; OrleansGeo needs $(sdk_wanted) or a later 10.0."
}

sdk_wanted() { sed -n 's/.*"version": *"\([^"]*\)".*/\1/p' "$root/global.json" | head -n 1; }

has_rocksdb() {
  local dir
  for dir in /lib /usr/lib /usr/local/lib /lib/*-linux-gnu /usr/lib/*-linux-gnu /usr/lib64; do
    compgen -G "$dir/librocksdb.so*" >/dev/null && return 0
  done
  return 1
}

# The newest librocksdb of this Debian release; its package name carries the version.
rocksdb_package() {
  local newest
  newest="$(apt-cache search --names-only '^librocksdb[0-9.]+(t64)?$' 2>/dev/null | cut -d ' ' -f 1 | sort -V | tail -n 1)"
  printf '%s\n' "${newest:-librocksdb7.8}"
}

need_rocksdb() {
  has_rocksdb && return 0
  refresh_packages
  install_package "$(rocksdb_package)" "RocksDB (nodes keep their data in it)"
}

need_postgres() {
  command -v postgres >/dev/null 2>&1 || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null && return 0
  refresh_packages
  install_package postgresql "PostgreSQL (the membership is kept in it)"
}

need_iso_codes() {
  [[ -r /usr/share/iso-codes/json/iso_3166-2.json ]] && return 0
  refresh_packages
  install_package iso-codes "iso-codes (--load iso reads its lists)"
}

# Prints the words to put before a command that needs root; fails where this user may not.
as_root() {
  if [[ $(id -u) -eq 0 ]]; then
    printf '%s\n' env
  elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    printf '%s\n' "sudo -n"
  else
    return 1
  fi
}

refresh_packages() {
  local prefix
  command -v apt-get >/dev/null 2>&1 && prefix="$(as_root)" || return 0
  $prefix apt-get update -q </dev/null >/dev/null 2>&1 || say "apt-get update failed; trying with the package lists that are here."
}

install_package() {
  local package=$1 what=$2 prefix
  if ! command -v apt-get >/dev/null 2>&1; then
    die $EXIT_MISSING "$what is missing: install your system's package of it (Debian calls it $package) and run this again."
  fi
  if ! prefix="$(as_root)"; then
    die $EXIT_MISSING "$what is missing: run 'sudo apt-get install $package' and then this again."
  fi
  say "installing the Debian package $package: $what"
  if ! $prefix env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$package" </dev/null >&2; then
    die $EXIT_MISSING "$what is missing and apt-get could not install it: install $package and run this again."
  fi
}

# --- build ----------------------------------------------------------------------------------------------------------

solution="$root/OrleansGeo.sln"
readonly core="$root/OrleansGeo.Core.slnf"
work=""

make_work() {
  work="$(mktemp -d "${TMPDIR:-/tmp}/geo.XXXXXX")"
  trap 'rm -rf "$work"' EXIT
}

# The projects of a solution or filter, one path per line, relative to the root.
projects_of() {
  sed -n 's/.*"\([^"]*\.csproj\)".*/\1/p' "$1" | tr -s '\\' '/' | sort -u
}

# Restores the whole solution. Where the package feed does not have what some projects need, narrows $solution to the
# projects that need no Orleans, and says so. Every other failure to restore is a failure.
restore_solution() {
  local log="$work/restore.log" left_out unlocked
  say "restoring $(basename "$solution")"
  unlocked="$(projects_without_lock)"
  restore "$solution" --locked-mode >"$log" 2>&1 && return 0
  forget_half_locks "$unlocked"

  left_out="$(comm -23 <(projects_of "$solution") <(projects_of "$core"))"
  if [[ -z $left_out ]] || feed_has_everything; then
    cat "$log" >&2
    die $EXIT_FAILED "$(basename "$solution") cannot be restored, and building less would not help; the errors are above."
  fi
  if ! restore "$core" --locked-mode >"$log" 2>&1; then
    cat "$log" >&2
    die $EXIT_FAILED "neither OrleansGeo.sln nor $(basename "$core") can be restored; the errors are above."
  fi
  say_left_out "$left_out"
  solution="$core"
}

# For what is nothing without Orleans.
restore_orleans() {
  restore_solution
  [[ $solution != "$core" ]] || die $EXIT_MISSING "the silo needs packages of Orleans that the package feed does not have."
}

restore() { (cd "$root" && exec dotnet restore "$@" -v q) </dev/null; }

# True unless a restore that may choose versions afresh fails too, and for nothing but packages the feed lacks or a feed
# that does not answer (NU11xx, NU13xx). So a lock file that is out of date is never mistaken for a missing package.
# A feed that lacks some versions makes downgrades of others (NU1605); beside a missing package they say nothing of their own.
# Its own lock files go to obj/, where nothing reads them.
feed_has_everything() {
  local log="$work/probe.log" others
  restore "$solution" -p:NuGetLockFilePath=obj/probe.lock.json >"$log" 2>&1 && return 0
  grep -qE 'error NU1[13][0-9]{2}\b' "$log" || return 0
  others="$(grep -E 'error ' "$log" | grep -cvE 'error NU(1[13][0-9]{2}|1605)\b')" || true
  ((others > 0))
}

projects_without_lock() {
  local project
  while read -r project; do
    [[ -e $root/$(dirname "$project")/packages.lock.json ]] || printf '%s\n' "$project"
  done < <(projects_of "$solution")
}

# A restore that fails leaves a lock file without what it could not find, and the next one would trip over it.
forget_half_locks() {
  local project
  while read -r project; do
    [[ -z $project ]] || rm -f "$root/$(dirname "$project")/packages.lock.json"
  done <<<"$1"
}

say_left_out() {
  local names reasons
  names="$(while read -r project; do basename "$project" .csproj; done <<<"$1" | joined ', ')"
  reasons="$(sed -nE 's/.*error (NU1[13][0-9]{2}: .*)/\1/p' "$work/probe.log" \
    | sed -E 's/ \[[^]]*\]$//; s/^NU1101: Unable to find package ([^ ]+)\. .*/no \1/; s/[[:space:].]+$//' | sort -u | joined ', ')"
  say "!!!!! NOT BUILT AND NOT TESTED: $names, because packages cannot be restored ($reasons). Going on with $(basename "$core") !!!!!"
}

joined() { awk -v gap="$1" '{ printf "%s%s", (NR == 1 ? "" : gap), $0 } END { print "" }'; }

build_solution() {
  local configuration=$1
  say "building $(basename "$solution"), $configuration"
  run_build "$solution" "$configuration" --no-restore
}

build_project() {
  local project=$1 configuration=$2
  say "building $(basename "$project" .csproj), $configuration"
  run_build "$root/$project" "$configuration"
}

run_build() {
  local what=$1 configuration=$2; shift 2
  if ! (cd "$root" && dotnet build "$what" -c "$configuration" -v q -nodeReuse:false -p:UseSharedCompilation=false "$@") \
      >"$work/build.log" 2>&1 </dev/null; then
    cat "$work/build.log" >&2
    die $EXIT_FAILED "the build failed; the errors are above."
  fi
}

dll_of() { printf '%s/%s/bin/%s/net10.0/%s.dll\n' "$root" "$(dirname "$1")" "$2" "$(basename "$1" .csproj)"; }

# Replaces this script by the program, so that signals and the exit code are the program's own.
exec_program() {
  local project=$1 configuration=$2 dll; shift 2
  dll="$(dll_of "$project" "$configuration")"
  [[ -f $dll ]] || die $EXIT_FAILED "the build made no $dll."
  rm -rf "$work"
  cd "$caller_dir"
  exec dotnet exec "$dll" "$@"
}

# --- test -----------------------------------------------------------------------------------------------------------

passed=0 failed=0 skipped=0
child=""

# Adds up one project's results, and prints its line. A project that ran nothing, crashed or left no results has failed.
count_results() {
  local name=$1 code=$2 xml=$3 seconds=$4 total=0 errors=0 p=0 f=0 s=0 not_run=0 note=""
  if [[ -s $xml ]]; then
    total="$(attribute total "$xml")" f="$(attribute failed "$xml")" s="$(attribute skipped "$xml")"
    errors="$(attribute errors "$xml")" not_run="$(attribute not-run "$xml")" p="$(attribute passed "$xml")"
  fi
  f=$((f + errors))
  if [[ ! -s $xml ]]; then
    note=" (ended with code $code and left no results)"; f=$((f + 1))
  elif ((total - not_run - s == 0)); then
    note=" (executed no test)"; f=$((f + 1))
  elif ((code != 0 && f == 0)); then
    note=" (ended with code $code)"; f=1
  fi
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  printf '%s: %d passed, %d failed, %d skipped in %d s%s\n' "$name" "$p" "$f" "$s" "$seconds" "$note"
}

# The sum of an attribute over the <assembly> elements of an xunit result file; 0 where there is none.
attribute() { grep -oE '<assembly [^>]*>' "$2" | sed -nE "s/.* $1=\"([0-9]+)\".*/\1/p" | awk '{ n += $1 } END { print n + 0 }'; }

run_tests_of() {
  local project=$1 name xml dll code=0 start=$SECONDS
  name="$(basename "$project" .csproj)"
  xml="$work/$name.xml"
  dll="$(dll_of "$project" Debug)"
  printf -- '--- %s\n' "$name"
  (cd "$root" && exec dotnet exec "$dll" -noLogo -noColor -reporter quiet -xml "$xml") </dev/null &
  child=$!
  wait "$child" || code=$?
  child=""
  count_results "$name" "$code" "$xml" $((SECONDS - start))
}

stop_child() {
  [[ -n $child ]] && kill -TERM "$child" 2>/dev/null
  exit $((128 + $1))
}

run_tests() {
  local project found=0
  trap 'stop_child 15' TERM
  trap 'stop_child 2' INT
  while read -r project; do
    [[ $project == Tests/OrleansGeo.Tests.* ]] || continue
    found=1
    run_tests_of "$project"
  done < <(projects_of "$solution")
  ((found)) || die $EXIT_FAILED "there is no test project in $(basename "$solution")."
}

# --- commands -------------------------------------------------------------------------------------------------------

wants_option() {
  local option=$1 value=$2 previous="" word; shift 2
  for word in "$@"; do
    [[ $word == "$option" && -z $value ]] && return 0
    [[ $word == "$option=$value"* ]] && return 0
    [[ $previous == "$option" && $word == "$value" ]] && return 0
    previous="$word"
  done
  return 1
}

command_demo() {
  if wants_option --data "" "$@"; then need_rocksdb; fi
  if wants_option --load iso "$@"; then need_iso_codes; fi
  build_project Api/OrleansGeo.Api/OrleansGeo.Api.csproj Release
  exec_program Api/OrleansGeo.Api/OrleansGeo.Api.csproj Release demo "$@"
}

command_bench() {
  need_rocksdb
  if [[ ${1:-} == hosts ]]; then
    local hosts=Tests/OrleansGeo.Benchmarks.Orleans/OrleansGeo.Benchmarks.Orleans.csproj; shift
    restore_orleans
    build_project "$hosts" Release
    exec_program "$hosts" Release "$@"
  fi
  build_project Tests/OrleansGeo.Benchmarks/OrleansGeo.Benchmarks.csproj Release
  exec_program Tests/OrleansGeo.Benchmarks/OrleansGeo.Benchmarks.csproj Release "$@"
}

command_key() {
  build_project Api/OrleansGeo.Api/OrleansGeo.Api.csproj Release
  exec_program Api/OrleansGeo.Api/OrleansGeo.Api.csproj Release key "$@"
}

command_sim() {
  build_project Tests/OrleansGeo.Simulation/OrleansGeo.Simulation.csproj Debug
  exec_program Tests/OrleansGeo.Simulation/OrleansGeo.Simulation.csproj Debug "$@"
}

command_cluster() {
  local what="${1:-}" http=7200 dir="$root/artifacts/cluster" project=Silo/OrleansGeo.Silo/OrleansGeo.Silo.csproj
  (($# == 0)) || shift
  [[ $what == up || $what == down || $what == status ]] || die $EXIT_USAGE "'cluster' is followed by up, down or status."
  while (($# > 0)); do
    [[ ${2:-} ]] || die $EXIT_USAGE "'$1' is followed by a value."
    case "$1" in
      --http-port) http=$2 ;;
      --dir) dir="$(cd "$caller_dir" && realpath -m "$2")" ;;
      *) die $EXIT_USAGE "'cluster' has no option '$1'." ;;
    esac
    shift 2
  done
  [[ $http =~ ^[0-9]{1,5}$ ]] && ((http >= 1 && http <= 65000)) || die $EXIT_USAGE "--http-port is a number from 1 to 65000, not '$http'."
  if [[ $what == up ]]; then
    need_rocksdb
    need_postgres
    restore_orleans
    build_project "$project" Release
  fi
  rm -rf "$work"
  exec "$root/infra/local/cluster.sh" "$what" "$dir" "$http" dotnet exec "$(dll_of "$project" Release)"
}

command_test() {
  (($# == 0)) || die $EXIT_USAGE "'test' takes no options; run one test with 'dotnet run --project Tests/<project> -- -class <name>'."
  need_rocksdb
  restore_solution
  build_solution Debug
  run_tests
  printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  ((failed == 0)) || exit $EXIT_FAILED
}

# What git sees in the work tree; the build must leave it as it found it.
tree_state() { (cd "$root" && git status --porcelain && git diff); }

command_verify() {
  (($# == 0)) || die $EXIT_USAGE "'verify' takes no options."
  local before="" bad=0 has_git=1
  restore_solution
  git -C "$root" rev-parse --is-inside-work-tree >/dev/null 2>&1 || has_git=0
  if ((has_git)); then before="$(tree_state)"; else say "this is no git work tree, so what the build changes is not checked."; fi
  say "checking the format"
  if ! (cd "$root" && dotnet format "$solution" --no-restore --verify-no-changes) </dev/null >&2; then
    say "format: run 'dotnet format $(basename "$solution")'."
    bad=1
  fi
  build_solution Release
  build_solution Debug
  if ((has_git)) && [[ $before != "$(tree_state)" ]]; then
    (cd "$root" && git status --short) >&2
    say "drift: the build changed files that are checked in (listed above among your own changes); commit what it makes."
    bad=1
  fi
  say "checking the arrows and the house measures"
  run_tests_of Tests/OrleansGeo.Tests.Architecture/OrleansGeo.Tests.Architecture.csproj >&2
  ((failed == 0)) || bad=1
  ((bad == 0)) || die $EXIT_FAILED "verify: something is wrong; see above."
  say "verify: format, build, drift and architecture are good"
}

main() {
  local command="${1:-help}"
  (($# == 0)) || shift
  case "$command" in
    help | -h | --help) show_help ;;
    demo | cluster | test | bench | sim | key | verify)
      make_work
      need_sdk
      "command_$command" "$@"
      ;;
    *)
      show_help >&2
      die $EXIT_USAGE "there is no command '$command'."
      ;;
  esac
}

main "$@"
