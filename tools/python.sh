# What tools/setup.sh and tools/doctor.sh both need; they run it with `.`, in the project's folder.
fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; }
version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }
wanted() { pwd; cat requirements.txt pyproject.toml | cksum; } # what .venv/installed holds when .venv is up to date

# The interpreter that PYTHON names, else the first fitting one on the PATH; nothing where there is none.
find_python() {
    if [ -n "${PYTHON:-}" ]; then
        fits "$PYTHON" && echo "$PYTHON"
        return 0
    fi
    for candidate in python3 python3.13 python3.12 python3.11; do
        if fits "$candidate"; then echo "$candidate" && return 0; fi
    done
}
