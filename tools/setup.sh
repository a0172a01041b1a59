#!/bin/sh
# Make .venv and put the studio's packages in, in the tested versions. `make setup` calls it.
#   PYTHON=python3.12 tools/setup.sh    takes that Python
#   TORCH_INDEX=URL tools/setup.sh      takes torch from that index, e.g. for another CUDA
set -eu
cd "$(dirname "$0")/.."
. tools/apt.sh

say() { printf 'understudy: %s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }
in_venv() { .venv/bin/python -m pip install --disable-pip-version-check -c constraints.txt "$@"; }

find_python() {
    for name in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.10}; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    return 1
}

make_venv() {
    python=$(find_python) || fail "Python 3.10 or newer is needed; install it, or name it: make setup PYTHON=/path/to/python3"
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        say "$python cannot make environments yet: installing $package"
        apt_install "$package" || fail "$python lacks venv; as root: apt-get install $package"
    fi
    rm -rf .venv
    "$python" -m venv .venv
}

has_gpu() { command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L 2>/dev/null | grep -q '^GPU'; }

answers() {  # whether a URL can be read, within seconds, whatever the network does
    timeout 10 .venv/bin/python -c 'import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=5)' "$1" 2>/dev/null
}

# PyPI's torch for Linux brings CUDA (gigabytes); the CPU build is 2.13.0+cpu, which sorts above it, so that pip takes
# it wherever an index or a find-links folder of its configuration has it. PyTorch's own index does.
install_torch() {
    torch=$(grep '^torch==' constraints.txt)
    cpu_index=https://download.pytorch.org/whl/cpu
    if [ -n "${TORCH_INDEX:-}" ]; then
        in_venv --index-url "$TORCH_INDEX" --extra-index-url https://pypi.org/simple "$torch"
    elif has_gpu; then
        say "an NVIDIA GPU is here: taking the GPU build of torch"
        in_venv "$torch,!=${torch#torch==}+cpu"
    elif [ "$(uname -s)" = Linux ] && answers "$cpu_index/torch/"; then
        in_venv --extra-index-url "$cpu_index" "$torch"
    else
        in_venv "$torch"
    fi
}

.venv/bin/python -c 'import pip' 2>/dev/null || make_venv
install_torch
in_venv -r requirements.txt
