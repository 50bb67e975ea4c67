"""The student's side: runs a notebook's cells as a notebook would and answers questions with plain data.

It is started in the sandbox, reads one JSON request per line and answers each with one line. Nothing in here is
secret and nothing that it says is believed: it runs in the same process as the student's code.
"""

import contextlib
import importlib
import json
import os
import resource
import signal
import sys
from typing import Any


class TookTooLong(BaseException):
    """The time for a cell or a call is over."""


def limit(options: dict[str, Any]) -> None:
    """Set the limits that hold for this process and its children; become nobody where root started it."""
    if "user" in options:
        os.setgroups([])
        os.setresgid(options["user"], options["user"], options["user"])
        os.setresuid(options["user"], options["user"], options["user"])
    for name, value in options["limits"].items():
        kind = getattr(resource, name, None)
        if kind is None:
            continue
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS does not know all of them
            resource.setrlimit(kind, (value, value))


def channels() -> tuple[Any, Any]:
    """Keep the two pipes to the grader; what the student's code reads and prints goes nowhere."""
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)

    def silent() -> None:  # a forked copy answers nothing
        os.close(requests.fileno())
        os.close(replies.fileno())

    os.register_at_fork(after_in_child=silent)
    return requests, replies


def shell() -> Any:
    """Return an IPython shell that runs cells like a kernel."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    class Shell(InteractiveShell):
        def enable_gui(self, gui: Any = None) -> None:
            """Let `%matplotlib inline` pass."""

        def showtraceback(self, *args: Any, **kwargs: Any) -> None:
            """Nobody reads it."""

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    made = Shell.instance(config=config)
    made.user_module.__name__ = "__main__"
    sys.modules["__main__"] = made.user_module
    return made


def run(made: Any, source: str) -> dict[str, Any]:
    """Run one cell; say which error ended it."""
    result = made.run_cell(source, store_history=True)
    error = result.error_before_exec or result.error_in_exec
    return {"error": None if error is None else [type(error).__name__[:80], str(error)[:500]]}


def answer(made: Any, request: dict[str, Any], plain: Any) -> dict[str, Any]:
    """Do what one request asks."""
    if request["do"] == "run":
        return run(made, request["source"])
    if request["name"] not in made.user_ns:
        return {"missing": True}
    value = made.user_ns[request["name"]]
    if request["do"] == "read":
        return {"results": [[plain.finish({"value": value})]]}
    if not callable(value):
        return {"missing": True}
    return {"results": plain.results(value, request["cases"], request["repeat"])}


def main() -> None:
    """Serve requests until the pipe closes."""
    options = json.loads(sys.argv[1])
    sys.path[:0] = options["path"]
    sys.path += options["packages"]
    requests, replies = channels()
    os.chdir(options["folder"])
    sys.path.append(options["folder"])
    limit(options)
    made, plain = shell(), importlib.import_module("plain")

    def alarm(*_: Any) -> None:
        raise TookTooLong

    signal.signal(signal.SIGPROF, alarm)
    signal.signal(signal.SIGALRM, alarm)
    replies.write("ready\n")
    replies.flush()
    for line in requests:
        request = json.loads(line)
        try:
            signal.setitimer(signal.ITIMER_PROF, request["seconds"])
            signal.setitimer(signal.ITIMER_REAL, 3 * request["seconds"])
            try:
                reply = answer(made, request, plain)
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
                signal.setitimer(signal.ITIMER_REAL, 0)
        except BaseException as error:
            reply = {"error": [type(error).__name__[:80], str(error)[:500]]}
        try:
            text = json.dumps({"id": request["id"], **reply})
        except BaseException as error:
            text = json.dumps({"id": request["id"], "error": [type(error).__name__[:80], str(error)[:500]]})
        replies.write(text + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
