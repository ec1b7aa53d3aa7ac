#!/usr/bin/env bash
# make test: everything it needs, then lint, types, imports, SQL, and every test.
#   scripts/test.sh [--lint-only] [pytest arguments…]
. "$(dirname "$0")/lib.sh"

if [ "${1:-}" = --lint-only ]; then lint_only=1; shift; else lint_only=; fi

if [ -z "$lint_only" ]; then
    if ! has java && [ -z "${JAVA_HOME:-}" ] && as_root_on_debian; then
        step "Java 17 (Debian package)" apt openjdk-17-jre-headless
    fi
    if ! has chromium && [ -z "${TENURE_CHROMIUM:-}" ] && as_root_on_debian; then
        step "Chromium (Debian package)" apt chromium
    fi
    if ! has npm && as_root_on_debian; then
        step "Node and npm (Debian packages)" apt nodejs npm
    fi
    if ! has curl && as_root_on_debian; then
        step "curl (Debian package)" apt curl
    fi
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

if [ -n "$lint_only" ]; then scripts/setup.sh --dev; else scripts/setup.sh --dev --spark; fi
bin=.venv/bin
step "ruff: rules" $bin/ruff check .
step "ruff: format" $bin/ruff format --check .
step "sqlfluff" $bin/sqlfluff lint --processes 2 transforms dbt_project/models dbt_project/tests
step "import-linter: who may import whom" $bin/lint-imports
step "mypy" $bin/mypy
[ -z "$lint_only" ] || exit 0

printf '%s▸ pytest …%s\n' "$dim" "$off"
# Two workers; Spark's tests share one of them and its session, Superset's the other and its boot (tests/conftest.py).
$bin/python -m pytest -n "${TENURE_TEST_WORKERS:-2}" --dist loadgroup --no-loadscope-reorder --durations=15 "$@"
printf '✓ %-52s %4s s\n' "make test" $((SECONDS - started))
