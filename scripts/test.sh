#!/usr/bin/env bash
# make check: rules, types, imports, SQL, and the tests that need neither Spark, Superset, a browser nor much time.
# make test: everything it needs, then all of that and every other test.
#   scripts/test.sh [--check | --lint-only] [pytest arguments…]
. "$(dirname "$0")/lib.sh"

what=test
case "${1:-}" in --check) what=check; shift ;; --lint-only) what=lint; shift ;; esac

# wanted COMMAND TITLE PACKAGE…: install a Debian package where a command is missing and we may.
wanted() {
    local command=$1 title=$2; shift 2
    if ! has "$command" && as_root_on_debian; then step "$title" apt "$@"; fi
}

if [ "$what" = test ]; then
    [ -n "${JAVA_HOME:-}" ] || wanted java "Java 17 (Debian package)" openjdk-17-jre-headless
    [ -n "${TENURE_CHROMIUM:-}" ] || wanted chromium "Chromium (Debian package)" chromium
    wanted npm "Node and npm (Debian packages)" nodejs npm
    wanted curl "curl (Debian package)" curl
    has java || [ -n "${JAVA_HOME:-}" ] || missing "Java 17" "Spark's half of the tests needs it" \
        "Debian: apt-get install openjdk-17-jre-headless; or set JAVA_HOME"
    has chromium || [ -n "${TENURE_CHROMIUM:-}" ] || missing "Chromium" "the dashboards are tested in a browser" \
        "Debian: apt-get install chromium; or TENURE_CHROMIUM=/path/to/it"
    has npm || missing "Node and npm" "the SDKs of Segment and RudderStack send to a running collector" \
        "Debian: apt-get install nodejs npm"
    has curl || missing "curl" "the snippets of the reference page are run" "Debian: apt-get install curl"
    # What cannot be there is said above; so from here on a skipped test is a fault, not a circumstance.
    export TENURE_REQUIRE_SPARK=${TENURE_REQUIRE_SPARK:-1} TENURE_REQUIRE_BROWSER=${TENURE_REQUIRE_BROWSER:-1}
    export TENURE_REQUIRE_SDKS=${TENURE_REQUIRE_SDKS:-1}
fi

if [ "$what" = test ]; then scripts/setup.sh --dev --spark; else scripts/setup.sh --dev; fi
bin=.venv/bin
# Types beside the rest: each of the two keeps one core busy.
step "mypy" $bin/mypy &
mypy=$!
step "ruff: rules" $bin/ruff check .
step "ruff: format" $bin/ruff format --check .
step "import-linter: who may import whom" $bin/lint-imports
step "sqlfluff" $bin/sqlfluff lint --processes 2 transforms dbt_project/models dbt_project/tests
wait $mypy
[ "$what" != lint ] || exit 0

printf '%s▸ pytest …%s\n' "$dim" "$off"
chosen=()
[ "$what" = test ] || chosen=(-m "not slow and not campaign and not spark and not superset and not browser" -q)
at=$SECONDS
# Two workers; Spark's tests share one of them and its session, Superset's the other and its boot (tests/conftest.py).
$bin/python -m pytest -n "${TENURE_TEST_WORKERS:-2}" --dist loadgroup --no-loadscope-reorder --durations=20 \
    ${chosen[@]+"${chosen[@]}"} "$@"
printf '✓ %-52s %4s.0 s\n' "pytest" $((SECONDS - at))
printf '✓ %-52s %4s.0 s\n' "make $what" $((SECONDS - started))
