# Shared by the scripts of this folder: say what is done and how long it took; say what is missing and how to get it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export DAGSTER_DISABLE_TELEMETRY=1 DO_NOT_TRACK=1 DBT_SEND_ANONYMOUS_USAGE_STATS=false PYTHONUNBUFFERED=1
# Certificates of the system, not of a bundled list: a company's own authority works without settings.
export UV_SYSTEM_CERTS=1 UV_NO_PROGRESS=1 UV_PYTHON_DOWNLOADS=never PIP_DISABLE_PIP_VERSION_CHECK=1

started=$SECONDS
if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' off=$'\e[0m'; else bold= dim= red= off=; fi

# step TITLE COMMAND…: run it quietly, print one line; on failure print all it said.
step() {
    local title=$1 at log code=0; shift
    at=$(date +%s%N)
    log=$(mktemp)
    printf '%s▸ %s …%s\n' "$dim" "$title" "$off"
    "$@" >"$log" 2>&1 || code=$?
    took=$(( ($(date +%s%N) - at) / 100000000 ))
    if [ "$code" -ne 0 ]; then
        cat "$log"; rm -f "$log"
        printf '%s✗ %s failed after %s.%s s%s\n' "$red" "$title" $((took / 10)) $((took % 10)) "$off" >&2
        exit "$code"
    fi
    rm -f "$log"
    printf '✓ %-52s %4s.%s s\n' "$title" $((took / 10)) $((took % 10))
}

# missing THING WHY NEXT: the three lines of every error, then exit 2.
missing() { printf '%s✗ %s%s\n  why:  %s\n  next: %s\n' "$red$bold" "$1" "$off" "$2" "$3" >&2; exit 2; }

has() { command -v "$1" >/dev/null 2>&1; }
as_root_on_debian() { [ "$(id -u)" = 0 ] && has apt-get; }
hash_of() { cat "$@" scripts/setup.sh | sha256sum | cut -c1-16; }

# apt PACKAGE…: install Debian packages where we may; the lists are fetched once a run.
apt() {
    export DEBIAN_FRONTEND=noninteractive
    if [ -z "${apt_updated:-}" ]; then apt-get update -q; apt_updated=1; fi
    apt-get install -y -q --no-install-recommends "$@"
}
