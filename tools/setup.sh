#!/bin/sh
# Make .venv with everything of requirements.txt; every `make` target calls this first. It is silent when nothing is to do,
# and mends a .venv that is half made, moved to another folder, out of date, or whose Python is gone.
# PYTHON=/path/to/python chooses the interpreter; without it the first fitting one on the PATH is taken.
set -eu
cd "$(dirname "$0")/.."

. tools/python.sh
fail() { echo "setup: $*" >&2; exit 1; }

if [ -n "${PYTHON:-}" ]; then
    fits "$PYTHON" || fail "Python 3.11, 3.12 or 3.13 is needed; PYTHON=$PYTHON is $(version "$PYTHON" || echo 'not one that runs')."
    [ ! -e .venv/installed ] || [ "$(version .venv/bin/python)" = "$(version "$PYTHON")" ] || rm .venv/installed
fi
if [ -e .venv/installed ] && fits .venv/bin/python && [ "$(wanted)" = "$(cat .venv/installed)" ]; then exit 0; fi

python=$(find_python)
[ -n "$python" ] || fail "Python 3.11, 3.12 or 3.13 is needed; python3 is $(version python3 || echo 'not there'). Install one and say which: make setup PYTHON=/path/to/python3.12"
python=$("$python" -c 'import sys; print(sys._base_executable)') # not the one inside a .venv that is active

start=$(date +%s)
if fits .venv/bin/python && [ "$(pwd)" = "$(head -n 1 .venv/installed 2>/dev/null)" ]; then
    echo "setup: bringing .venv up to date with requirements.txt"
else
    echo "setup: making .venv with Python $(version "$python"); this downloads 1 GB or more and takes some minutes"
    "$python" -m venv --clear .venv || fail "$python cannot make a virtual environment (on Debian and Ubuntu: apt install python3-venv)."
fi
rm -f .venv/installed # an install that is cut off leaves no such file, and the next one starts from nothing
.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt || {
    pwd >.venv/installed # one that pip itself gave up has changed nothing, and the next one goes on from there
    fail "pip could not install requirements.txt; its message stands above. Run make again when that is mended."
}
.venv/bin/python -m pip check --disable-pip-version-check >/dev/null ||
    fail "the installed packages contradict each other; .venv/bin/pip check says how."
wanted >.venv/installed
echo "setup: done in $(($(date +%s) - start)) s"
