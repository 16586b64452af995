#!/bin/sh
# Makes .venv with exactly the versions and hashes of requirements.lock; does nothing when that has been done already.
# Needs Python 3.11 or 3.12 with venv and pip. uv, which is many times faster than pip, is taken from PATH or from the lock.
set -eu
cd "$(dirname "$0")/.."
venv=.venv
stamp=$venv/installed

say() { printf '%s\n' "install: $*" >&2; }

find_python() {
    # A name on PATH may be a version manager's shim that fails when it is run, so run it.
    for name in python3.12 python3.11 python3; do
        if "$name" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null; then
            printf '%s\n' "$name"
            return
        fi
    done
    say "no Python 3.11 or 3.12 with venv found: install one (on Debian or Ubuntu: apt install python3-venv)"
    exit 1
}

make_venv() {
    if ! "$venv/bin/python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null; then
        python=$(find_python)
        say "making $venv with $("$python" --version)"
        "$python" -m venv --clear "$venv"
    fi
}

fingerprint() {
    cat requirements.lock pyproject.toml infra/install.sh | "$venv/bin/python" -c \
        'import hashlib, sys; print(sys.version_info[:2], hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'
}

find_uv() {
    if command -v uv 2>/dev/null; then return; fi
    if [ ! -x "$venv/bin/uv" ]; then
        # The lock's own entry for uv, hashes included.
        awk '/^uv==/ { on = 1 } on && !/^uv==/ && !/^ / { exit } on && !/^ *#/' requirements.lock >"$venv/uv.lock"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$venv/uv.lock" >&2 || return 0
    fi
    printf '%s\n' "$venv/bin/uv"
}

install_packages() {
    uv=$(find_uv)
    if [ -n "$uv" ] && "$uv" --version >/dev/null 2>&1; then
        say "installing requirements.lock with $("$uv" --version)"
        "$uv" pip install --python "$venv/bin/python" --require-hashes --compile-bytecode -r requirements.lock
        "$uv" pip install --python "$venv/bin/python" --quiet --no-deps --no-build-isolation -e .
    else
        say "installing requirements.lock with pip, as uv cannot be had here; this takes some minutes"
        "$venv/bin/python" -m pip install --disable-pip-version-check --require-hashes -r requirements.lock
        "$venv/bin/python" -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
    fi
}

fetch_prometheus() {
    # Best effort: Debian's package, unpacked beside the Python packages, without root. The platform runs without it.
    if command -v prometheus >/dev/null || [ -x "$venv/prometheus/usr/bin/prometheus" ]; then return; fi
    if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then return; fi
    say "fetching Prometheus"
    fetched=$(mktemp -d)
    if (cd "$fetched" && timeout 90 apt-get download prometheus) >/dev/null 2>&1; then
        mkdir -p "$venv/prometheus"
        dpkg -x "$fetched"/prometheus_*.deb "$venv/prometheus"
    else
        say "Prometheus could not be fetched; the platform will run without it"
    fi
    rm -rf "$fetched"
}

make_venv
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint)" ]; then
    touch "$stamp" # newer than what make compares it with
    exit 0
fi
install_packages
fetch_prometheus
fingerprint >"$stamp"
say "done"
