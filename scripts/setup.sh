#!/usr/bin/env bash
# make setup: both environments, pinned; then Spark's JARs. Does only what is not done yet: a stamp in each environment
# holds the hash of the requirements it was made from.
#   scripts/setup.sh [--dev] [--spark]      --dev: the tools of `make test` too      --spark: Delta JARs too
. "$(dirname "$0")/lib.sh"

python_311() {
    local candidate
    for candidate in "${PYTHON:-}" python3.11 "$HOME"/.pyenv/versions/3.11.*/bin/python /usr/bin/python3.11 python3; do
        [ -n "$candidate" ] || continue
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
            echo "$candidate"; return
        fi
    done
    missing "Python 3.11" "none with venv was found on this machine" \
        "Debian: apt-get install python3.11 python3.11-venv; elsewhere: any Python 3.11, then PYTHON=/path/to/it make setup"
}

# environment FOLDER REQUIREMENTS: make it anew if its stamp differs.
environment() {
    local folder=$1 requirements=$2 stamp
    stamp="$folder/.made-from-$(hash_of requirements/bootstrap.txt "$requirements" pyproject.toml)"
    [ -e "$stamp" ] && return
    [ -x "$folder/bin/python" ] || step "$folder: create" "$python" -m venv "$folder"
    if [ ! -x "$folder/bin/uv" ]; then
        step "$folder: installer" "$folder/bin/python" -m pip install -q -r requirements/bootstrap.txt
    fi
    step "$folder: $requirements" "$folder/bin/uv" pip sync -q --compile-bytecode --python "$folder/bin/python" \
        requirements/bootstrap.txt "$requirements"
    # Our own packages, as they stand in this checkout. Nothing is resolved: the pins above are all there is.
    step "$folder: tenure" "$folder/bin/uv" pip install -q --python "$folder/bin/python" --no-deps \
        --no-build-isolation --config-setting editable_mode=compat -e .
    rm -f "$folder"/.made-from-*
    touch "$stamp"
}

dev= spark=
for argument in "$@"; do case $argument in --dev) dev=1 ;; --spark) spark=1 ;; esac; done

python=$(python_311)
wanted=requirements/pipeline.txt
# The tools for development are pinned against the pipeline's pins, so their file contains them all.
if [ -n "$dev" ] || [ -e .venv/bin/pytest ]; then wanted=requirements/dev.txt; fi
environment .venv "$wanted"
environment .venv-superset requirements/superset.txt

if [ -n "$spark" ]; then
    # Superset's empty metadata, which every new home copies (`make demo` alone makes it beside the data's way).
    if ! ls .venv-superset/tenure/metadata-*.db >/dev/null 2>&1; then
        step "Superset: empty metadata (once)" .venv/bin/python -c 'from dashboards.administration import make_template; make_template()'
    fi
    jars=${TENURE_SPARK_JARS:-$PWD/.venv/tenure/spark}
    if ! has java && [ -z "${JAVA_HOME:-}" ]; then
        printf 'Java was not found: everything but `--engine spark` works. To have it: %s\n' \
            "install Java 17 (Debian: apt-get install openjdk-17-jre-headless), then make setup"
    elif ! ls "$jars"/jars/io.delta_*.jar >/dev/null 2>&1; then
        step "Spark: Delta JARs (once)" .venv/bin/python -m transforms.engines.spark_jars
    fi
fi
printf '✓ %-52s %4s s\n' "set up" $((SECONDS - started))
