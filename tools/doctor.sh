#!/bin/sh
# Say what is installed, what is missing and what to do. Changes nothing. Exit status 1 where something needed is missing.
set -u
cd "$(dirname "$0")/.."
. tools/python.sh

missing=0
ok() { printf 'ok       %s\n' "$*"; }
note() { printf 'note     %s\n' "$*"; }
lacks() { missing=1; printf 'MISSING  %s\n' "$*"; }

ok "system: $(uname -sm)"
case $(uname -s) in
    Linux | Darwin) ;;
    *) lacks "Linux or macOS. On Windows, install WSL (wsl --install) and work inside it." ;;
esac
if command -v git >/dev/null; then ok "$(git --version)"; else lacks "git. Debian, Ubuntu: apt install git. macOS: xcode-select --install"; fi

python=$(find_python)
if [ -n "$python" ]; then
    ok "Python $(version "$python") ($(command -v "$python"))"
    "$python" -c 'import venv, ensurepip' 2>/dev/null || lacks "the module venv. Debian, Ubuntu: apt install python3-venv"
elif [ -n "${PYTHON:-}" ]; then
    lacks "Python 3.11, 3.12 or 3.13; PYTHON=$PYTHON is $(version "$PYTHON" || echo 'not one that runs')"
else
    lacks "Python 3.11, 3.12 or 3.13; python3 is $(version python3 || echo 'not there'). Install one, then: make setup PYTHON=/path/to/it"
fi

free=$(($(df -Pk . | awk 'NR == 2 { print $4 }') / 1000000))
if [ -e .venv/installed ] && fits .venv/bin/python && [ "$(wanted)" = "$(cat .venv/installed)" ]; then
    ok ".venv holds what requirements.txt asks for"
else
    note ".venv is not there or not up to date: make setup"
    if [ "$free" -ge 6 ]; then ok "$free GB free on the disk"; else lacks "room: $free GB are free here, and setting up takes up to 6"; fi
fi
for name in HTTP_PROXY HTTPS_PROXY PIP_INDEX_URL; do
    eval "value=\${$name:-}"
    if [ -n "$value" ]; then note "$name is set: pip uses it"; fi
done

if fits .venv/bin/python; then
    .venv/bin/python - <<'PY' || true
import importlib.metadata as metadata
for name in ("torch", "numpy", "jupyter-book", "jupyterlab"):
    try:
        print("ok       " + name, metadata.version(name))
    except metadata.PackageNotFoundError:
        print("note     " + name, "is not installed yet: make setup")
try:
    import torch
except ImportError:
    pass
else:
    if torch.cuda.is_available():
        print("ok       device: cuda,", torch.cuda.get_device_name(0))
    elif torch.backends.mps.is_available():
        print("ok       device: mps, Apple's GPU")
    else:
        print("note     device: cpu. An NVIDIA card needs its driver and the CUDA build of torch, which pip takes on Linux.")
PY
fi

cache="${XDG_CACHE_HOME:-$HOME/.cache}/lrlab/mnist"
[ "$(uname -s)" = Darwin ] && cache="$HOME/Library/Caches/lrlab/mnist"
if [ -n "${LRLAB_DATA:-}" ]; then
    if ls "$LRLAB_DATA"/*ubyte* >/dev/null 2>&1; then ok "MNIST in LRLAB_DATA=$LRLAB_DATA"; else lacks "MNIST: LRLAB_DATA=$LRLAB_DATA holds no file of it"; fi
elif ls "$cache"/*ubyte* >/dev/null 2>&1; then
    ok "MNIST in $cache"
else
    note "MNIST is not here yet: it is downloaded when first needed (11 MB), or set LRLAB_DATA to its folder"
fi

browser=
for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable "/Applications/Chromium.app/Contents/MacOS/Chromium" "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
    if [ -z "$browser" ] && [ -n "$name" ] && command -v "$name" >/dev/null; then browser=$name; fi
done
if [ -n "$browser" ]; then ok "browser for the tests: $browser"; else note "no Chromium or Chrome: tests of the site are left out. Debian, Ubuntu: apt install chromium"; fi
if ! command -v bwrap >/dev/null; then
    note "no bubblewrap: the grader runs your own work without a sandbox. Debian, Ubuntu: apt install bubblewrap"
elif bwrap --unshare-all --ro-bind / / true 2>/dev/null; then
    ok "sandbox for the grader: bubblewrap"
else
    note "bubblewrap is there, but this system forbids it: sysctl kernel.apparmor_restrict_unprivileged_userns=0 allows it"
fi

if [ $missing = 0 ]; then echo 'doctor: all that is needed is here'; else echo 'doctor: something is missing; it stands above'; fi
exit $missing
