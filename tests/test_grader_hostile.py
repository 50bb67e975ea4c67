"""Submissions that cheat, break or attack. Each case says what comes of it: a status and the points.

Every notebook here holds the right solutions and one hostile thing; where that thing spoils one answer, one answer is
lost and the others count.
"""

import copy
import dataclasses
import hashlib
import json
import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exercises.grader.course import ProblemSet
from exercises.grader.grading import STATUSES, Record, grade
from exercises.grader.report import text
from exercises.grader.rubric import Limits
from exercises.grader.sandbox import AS_USER, bubblewrap
from tests.classroom import notebook

pytestmark = pytest.mark.thorough
ROOT = Path(__file__).resolve().parent.parent
KEY = b"tests"
SET = ProblemSet("step_size")
SET.rubric = dataclasses.replace(SET.rubric, limits=Limits(seconds=1.0, total=30.0, memory=1_000_000_000))
FULL = SET.total
ONE_STEP = SET.points(SET.problems["one-step"])
SOLUTION = SET.cell("one-step").source


def with_cell(source: str, place: int = 3) -> dict[str, Any]:
    """The right notebook with one more code cell."""
    made = notebook(SET)
    cell = {
        "cell_type": "code",
        "metadata": {},
        "source": textwrap.dedent(source),
        "outputs": [],
        "execution_count": None,
    }
    made["cells"].insert(place, cell)
    return made


def with_end(source: str) -> dict[str, Any]:
    """The right notebook with one more code cell at its end."""
    return with_cell(source, 10_000)


def with_one_step(body: str) -> dict[str, Any]:
    """The right notebook, with other code in the first problem's cell."""
    return notebook(SET, {"one-step": body})


@pytest.fixture(autouse=True)
def sandbox(require: Callable[[bool, str], None]) -> None:
    require(bubblewrap() is not None, "no bubblewrap that works here")


@pytest.fixture
def graded(tmp_path: Path) -> Callable[..., Record]:
    def one(content: dict[str, Any] | bytes, name: str = "step_size.ipynb") -> Record:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        before = hashlib.sha256(path.read_bytes()).hexdigest()
        start = time.monotonic()
        record = grade(path, SET, key=KEY)
        assert time.monotonic() - start < SET.rubric.limits.total + 15, "it hung"
        assert hashlib.sha256(path.read_bytes()).hexdigest() == before, "the submitted bytes changed"
        assert record.status in STATUSES
        assert record.status != "grader error", record.reason
        assert 0 <= record.score <= record.out_of == FULL
        assert len(record.results) == len(SET.problems)
        assert record.status == "graded" or record.reason
        assert json.loads(json.dumps(record.data())) == record.data()
        assert text(record)
        return record

    return one


# Cells that do harm where they stand. The answers around them are right, so they count.
HARMFUL_CELLS = {
    "a loop in C": ("10 ** 10 ** 9", {"time-out", "graded", "memory"}),
    "kernels and shells": (
        "%%bash\nrm -rf /grader /packages 2>/dev/null\nfor i in $(seq 300); do sleep 30 & done",
        {"graded", "time-out", "memory", "processes"},
    ),
    "a million files": (
        """
        import os
        for number in range(10**6):
            os.close(os.open(f"/tmp/{number}", os.O_CREAT))
        """,
        {"time-out", "graded", "memory"},
    ),
    "deep nesting": ("x = " + "(" * 5000 + ")" * 5000, {"graded", "crashed", "memory"}),
    "null bytes": ("x = 1\0", {"graded"}),
    "another program": ("import os\nos.execv('/bin/sleep', ['sleep', '1000'])", {"time-out", "crashed"}),
    "syntax error": ("def f(:\n", {"graded"}),
    "loop at definition": ("while True:\n    pass", {"time-out"}),
    "sleeps": ("import time\ntime.sleep(1000)", {"time-out"}),
    "loop that ignores interrupts": (
        """
        import signal
        for number in range(1, 65):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        while True:
            try:
                while True:
                    pass
            except BaseException:
                pass
        """,
        {"time-out"},
    ),
    "10 GB": ("data = bytearray(10**10)", {"memory"}),
    "10 GB in small pieces": ("data = []\nwhile True:\n    data.append(bytearray(10**6))", {"memory", "time-out"}),
    "10 GB in hidden files": (
        """
        import os
        for number in range(200):
            os.write(os.memfd_create("x"), bytes(5 * 10**7))
        """,
        {"graded"},
    ),
    "10 GB in the scratch folder": (
        """
        for number in range(200):
            with open(f"/tmp/{number}", "wb") as file:
                file.write(bytes(5 * 10**7))
        """,
        {"graded"},
    ),
    # It stops at 1024, so that a sandbox that does not hold it harms one test and not the machine.
    "fork bomb": (
        "import os\nfor _ in range(10):\n    os.fork()",
        {"graded", "memory", "processes"},  # graded, if its copies end before they are counted
    ),
    "fork bomb that stays": (
        """
        import os, time
        try:
            for _ in range(10):
                os.fork()
        except OSError:
            pass
        time.sleep(60)
        """,
        {"memory", "processes"},
    ),
    "os._exit": ("import os\nos._exit(0)", {"crashed"}),
    "sys.exit": ("import sys\nsys.exit(0)", {"graded"}),
    "quit": ("quit()", {"graded"}),
    "SIGKILL to itself": ("import os\nos.kill(os.getpid(), 9)", {"crashed", "graded"}),
    "SIGKILL to everybody": ("import os\nos.kill(-1, 9)", {"crashed", "graded"}),
    "stops itself": ("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", {"time-out", "graded"}),
    "endless recursion": ("def f():\n    return f()\nf()", {"graded"}),
    "endless recursion in C": (
        """
        import sys
        sys.setrecursionlimit(10**9)
        def f():
            return [*map(lambda _: f(), [0])]
        f()
        """,
        {"crashed", "graded", "memory", "time-out"},
    ),
    "segmentation fault": ("import ctypes\nctypes.string_at(0)", {"crashed"}),
    "100 MB on one line": ("print('x' * 10**8)", {"graded", "memory"}),
    "20,000 flushed prints": ("for i in range(20000):\n    print(i, flush=True)", {"graded"}),
    "noise and warnings": (
        """
        import sys, warnings, logging
        print("noise", file=sys.stderr)
        warnings.warn("noise")
        logging.error("noise")
        np.float64(1) / np.float64(0)
        """,
        {"graded"},
    ),
    "input()": ("answer = input('?')", {"graded"}),
    "magics": ("%matplotlib inline\n%time 1\n!ls\n%%timeit", {"graded"}),
    "closes everything": ("import os\nos.closerange(0, 256)", {"crashed", "tampered", "time-out"}),
    "top-level await": ("import asyncio\nawait asyncio.sleep(0)", {"graded"}),
    "a thread that never ends": (
        """
        import threading
        def spin():
            while True:
                pass
        threading.Thread(target=spin, daemon=True).start()
        """,
        {"graded", "time-out"},
    ),
}


@pytest.mark.parametrize("case", HARMFUL_CELLS)
def test_a_harmful_cell_costs_nothing_else(case: str, graded: Callable[..., Record]) -> None:
    source, statuses = HARMFUL_CELLS[case]
    record = graded(with_cell(source))
    assert record.status in statuses, record.reason
    wrong = [
        (result.problem, result.outcome, result.explain) for result in record.results if result.points < result.out_of
    ]
    assert wrong == [], record.reason


# Solutions of the first problem that must not earn its points. The other answers are right and count.
WORTHLESS = {
    "loop inside": "def one_step(theta, grad, eta):\n    while True:\n        pass",
    "exits inside": "import os\ndef one_step(theta, grad, eta):\n    os._exit(0)",
    "kills itself inside": "import os\ndef one_step(theta, grad, eta):\n    os.kill(os.getpid(), 9)",
    "10 GB inside": "def one_step(theta, grad, eta):\n    return bytearray(10**10)",
    "recursion inside": "def one_step(theta, grad, eta):\n    return one_step(theta, grad, eta)",
    "raises SystemExit": "def one_step(theta, grad, eta):\n    raise SystemExit",
    "error with a lying text": """
        class Lie(Exception):
            def __str__(self):
                raise self
        def one_step(theta, grad, eta):
            raise Lie
        """,
    "equal to everything": """
        class Lie:
            def __eq__(self, other): return True
            def __ne__(self, other): return False
            def __bool__(self): return True
            def __abs__(self): return 0.0
            def __sub__(self, other): return 0.0
            __rsub__ = __sub__
            def __float__(self): return 0.0
        def one_step(theta, grad, eta):
            return Lie()
        """,
    "lying __array__": """
        class Lie:
            shape, dtype, size, ndim = (), np.dtype(float), 1, 0
            def __array__(self, *args, **kwargs): return np.array("anything", dtype=object)
        def one_step(theta, grad, eta):
            return Lie()
        """,
    "array that lies": """
        class Lie(np.ndarray):
            def tolist(self): return "anything"
            def __eq__(self, other): return True
        def one_step(theta, grad, eta):
            return np.zeros(np.shape(theta)).view(Lie)
        """,
    "lying __reduce__": """
        class Lie:
            def __reduce__(self): return (exec, ("raise SystemExit",))
        def one_step(theta, grad, eta):
            return Lie()
        """,
    "number that lies": """
        class Lie(float):
            def __eq__(self, other): return True
            def __repr__(self): return "1.0"
        def one_step(theta, grad, eta):
            return Lie(0)
        """,
    "lying type": """
        class Lie:
            __class__ = np.ndarray
            def __getattr__(self, name): return lambda *args: []
        def one_step(theta, grad, eta):
            return Lie()
        """,
    "NaN": "def one_step(theta, grad, eta):\n    return np.nan * theta",
    "inf": "def one_step(theta, grad, eta):\n    return np.inf + np.zeros(np.shape(theta))",
    "None": "def one_step(theta, grad, eta):\n    theta - eta * grad",
    "wrong shape": "def one_step(theta, grad, eta):\n    return np.array([theta - eta * grad])",
    "text": "def one_step(theta, grad, eta):\n    return str(theta - eta * grad)",
    "complex": "def one_step(theta, grad, eta):\n    return theta - eta * grad + 0j",
    "objects": "def one_step(theta, grad, eta):\n    return np.asarray(theta - eta * grad).astype(object)",
    "a generator": "def one_step(theta, grad, eta):\n    yield theta - eta * grad",
    "a function": "def one_step(theta, grad, eta):\n    return lambda: theta - eta * grad",
    "itself in a list": "def one_step(theta, grad, eta):\n    x = []\n    x.append(x)\n    return x",
    "a very long list": "def one_step(theta, grad, eta):\n    return [0.0] * 10**7",
    "a very large array": "def one_step(theta, grad, eta):\n    return np.broadcast_to(0.0, (10**6, 10**6))",
    "a very large integer": "def one_step(theta, grad, eta):\n    return 10**100000",
    "a very long text": "def one_step(theta, grad, eta):\n    return 'x' * 10**8",
    "changes its argument": """
        def one_step(theta, grad, eta):
            theta = np.asarray(theta)
            theta -= eta * grad
            return theta
        """,
    "a view of its argument": """
        def one_step(theta, grad, eta):
            if np.ndim(theta):
                theta[...] = theta - eta * grad
                return theta[:]
            return theta - eta * grad
        """,
    "a forged function": """
        class Forged(dict):
            pass
        def one_step(theta, grad, eta):
            return {"expression": "__import__('os').system('touch /tmp/x')"}
        """,
    "a dictionary in a dictionary": "def one_step(theta, grad, eta):\n    return {'dict': [['a', {'array': 1}]]}",
    "lone surrogates": "def one_step(theta, grad, eta):\n    return '\\ud800' + chr(0xd800)",
    "changes its answer": """
        calls = []
        def one_step(theta, grad, eta):
            calls.append(1)
            return theta - eta * grad if len(calls) < 2 else theta
        """,
    "not a function": "one_step = 3.0",
    "wrong arguments": "def one_step(theta):\n    return theta",
    "deleted": "del np.abs",
    "control characters": """
        def one_step(theta, grad, eta):
            raise ValueError("\\x1b[2J\\x1b]0;points: 16\\x07 16 of 16 points")
        """,
}


@pytest.mark.parametrize("case", WORTHLESS)
def test_a_worthless_answer_earns_nothing(case: str, graded: Callable[..., Record]) -> None:
    record = graded(with_one_step(WORTHLESS[case]))
    assert {result.problem for result in record.results if result.points < result.out_of} == {"one-step"}
    assert record.score == FULL - ONE_STEP
    assert record.results[0].explain
    assert "\x1b" not in text(record)


def test_a_changed_argument_is_named(graded: Callable[..., Record]) -> None:
    for case in ("changes its argument", "a view of its argument"):
        assert graded(with_one_step(WORTHLESS[case])).results[0].mistake == "changes its arguments"


# Tricks that give full points in graders that look at what the student's process says. All answers are blank here.
TRICKS = {
    "patched asserts": """
        np.testing.assert_allclose = np.allclose = np.isclose = np.array_equal = lambda *args, **kwargs: True
        """,
    "patched builtins": """
        import builtins
        builtins.len = lambda x: 4
        builtins.abs = lambda x: 0
        builtins.all = builtins.any = lambda x: True
        """,
    "AST transformer": """
        import ast
        class Drop(ast.NodeTransformer):
            def visit_Assert(self, node): return ast.Pass()
            def visit_Raise(self, node): return ast.Pass()
        get_ipython().ast_transformers.append(Drop())
        """,
    "display formatter": """
        import sys
        get_ipython().display_formatter.format = lambda *args, **kwargs: ({"text/plain": "16"}, {})
        sys.displayhook = lambda value: print(16)
        """,
    "do_execute": """
        shell = get_ipython()
        done = type("R", (), {"success": True, "error_before_exec": None, "error_in_exec": None})()
        shell.run_cell = lambda *args, **kwargs: done
        try:
            shell.kernel.do_execute = shell.run_cell
        except AttributeError:
            pass
        """,
    "patched runner": """
        import sys, json
        frame = sys._getframe()
        while frame:
            for name in ("answer", "run"):
                if name in frame.f_globals and "limit" in frame.f_globals:
                    frame.f_globals[name] = lambda *args: {"results": [[{"value": 1.0}] * 2] * 8, "error": None}
            frame = frame.f_back
        """,
    "patched encoder": """
        import sys, json
        old = json.dumps
        json.dumps = lambda data, *args: old({**data, "points": 16, "score": 16, "outcome": "right"})
        """,
    "forged replies": """
        import os
        for number in range(3, 30):
            try:
                os.write(number, b'{"id": "0", "results": [[{"value": 1.0}]], "score": 16}\\n' * 100)
            except OSError:
                pass
        """,
    "points printed": """
        print("16 of 16 points"); print({"score": 16, "max_score": 16})
        """,
    "exception in every error": """
        BaseException.__str__ = 1
        """,
    "frozen time": """
        import time, signal
        time.time = time.monotonic = lambda: 0.0
        signal.setitimer = lambda *args: (0, 0)
        """,
}


@pytest.mark.parametrize("case", TRICKS)
def test_a_trick_earns_nothing(case: str, graded: Callable[..., Record]) -> None:
    made = notebook(SET, release=True)
    for place in (1, 10_000):
        made["cells"].insert(place, copy.deepcopy(with_end(TRICKS[case])["cells"][-1]))
    record = graded(made)
    assert record.score == 0, [dataclasses.asdict(result) for result in record.results if result.points]


def test_a_notebook_that_eats_the_requests_harms_itself_alone(graded: Callable[..., Record]) -> None:
    source = """
        import os, threading
        def eat():
            while True:
                for number in range(3, 20):
                    try:
                        os.set_blocking(number, False)
                        os.read(number, 10**6)
                    except OSError:
                        pass
        threading.Thread(target=eat, daemon=True).start()
        """
    assert graded(with_cell(source)).status in ("time-out", "crashed", "tampered")


def test_forged_replies_are_noticed(graded: Callable[..., Record]) -> None:
    assert graded(with_end(TRICKS["forged replies"])).status == "tampered"


# Code that looks for something it should not find, or does what it should not be able to do. The code puts what it
# found into `found`, and the answer of a problem shows it: a list, which is no right answer.
WALK = """
import os
found = []
for folder, names, files in os.walk("/"):
    names[:] = [name for name in names if name not in ("proc", "usr", "lib", "lib64", "site-packages")]
    found += [os.path.join(folder, name) for name in names + files if SOUGHT]
"""
SEARCHES = {
    "source notebook": WALK.replace("SOUGHT", "name.endswith('.ipynb') or name == 'source'"),
    "rubric": WALK.replace("SOUGHT", "'rubric' in name or 'grading' in name or 'step_size' in name"),
    "other submissions": WALK.replace("SOUGHT", "name in ('submitted', 'records', 'gradebook.db', 'autograded')"),
    "rubric as a module": """
        found = []
        for name in ("exercises", "exercises.rubrics.step_size", "exercises.grader.course", "rubrics.step_size"):
            try:
                found.append(str(__import__(name)))
            except ImportError:
                pass
        """,
    "finished answers": """
        found = []
        for name in ("lrlab.optimizers", "torch.optim", "optax", "keras.optimizers", "jax.numpy"):
            try:
                module = __import__(name, fromlist=["x"])
                if getattr(module, "__file__", None):
                    found.append(name)
            except Exception:
                pass
        """,
    "environment": """
        import os
        marks = ("lrlab", "key", "token", "exercises", "pytest", "tests")
        found = [name for name in os.environ if any(mark in (name + os.environ[name]).lower() for mark in marks)]
        """,
    "history": """
        found = []
        try:
            found = [line for _, _, line in get_ipython().history_manager.get_range() if "BEGIN " + "HIDDEN" in line]
            found += [line for line in In if "BEGIN " + "HIDDEN" in line]
        except Exception:
            pass
        """,
    "parent processes": """
        import os
        found = []
        for pid in os.listdir("/proc"):
            if pid.isdigit():
                try:
                    line = open(f"/proc/{pid}/cmdline").read() + open(f"/proc/{pid}/environ").read()
                    found += [pid] if "pytest" in line or "rubric" in line or "LRLAB" in line else []
                except OSError:
                    pass
        """,
    "memory of others": """
        import os
        found = []
        for pid in os.listdir("/proc"):
            if pid.isdigit() and int(pid) != os.getpid():
                try:
                    open(f"/proc/{pid}/mem", "rb")
                    found.append(pid)
                except OSError:
                    pass
        """,
    "the grader's objects": """
        import gc
        found = [str(type(x)) for x in gc.get_objects() if "grading" in str(type(x)) or "ProblemSet" in str(type(x))]
        """,
    "home folder": """
        import os
        places = ("/home", "/Users", "/etc/passwd", "/etc/shadow", "/var", "/srv", "/mnt", "/sys", "/run", HOME)
        found = [place for place in places if os.path.exists(os.path.join(place, ".")) or os.path.isfile(place)]
        """.replace("HOME", repr(str(Path.home() / ".cache"))),
    "written files": """
        import os
        found = []
        for place in ("/", "/usr", "/grader", "/dev", "/proc/sys/kernel", "/root", os.path.dirname(np.__file__)):
            try:
                open(os.path.join(place, "x"), "w").write("x")
                found.append(place)
            except OSError:
                pass
        """,
    "the runner overwritten": """
        found = []
        for name in ("/grader/runner.py", "/grader/plain.py"):
            try:
                open(name, "a").write("#")
                found.append(name)
            except OSError:
                pass
        """,
    "more rights": """
        import ctypes, os
        c, found = ctypes.CDLL(None, use_errno=True), []
        calls = {"unshare": (0x10000000,), "mount": (b"x", b"/tmp", b"tmpfs", 0, None), "setuid": (1,)}
        for name, arguments in {**calls, "ptrace": (16, 1, 0, 0), "prctl": (1, 0, 0, 0, 0)}.items():
            if getattr(c, name)(*arguments) == 0:
                found.append(name)
        """,
}


@pytest.mark.parametrize("case", SEARCHES)
def test_a_search_finds_nothing(case: str, graded: Callable[..., Record]) -> None:
    made = with_cell(SEARCHES[case])
    made["cells"] += with_end("edge = ['found', *map(str, found)][:20]")["cells"][-1:]
    record = graded(made)
    result = next(result for result in record.results if result.problem == "edge")
    assert result.case.get("actual") == "['found']", result
    assert record.score == FULL - result.out_of


def test_no_network(graded: Callable[..., Record]) -> None:
    reached = threading.Event()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.settimeout(0.2)
        port = listening.getsockname()[1]
        record = graded(with_cell(f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 2).send(b'x')"))
        try:
            listening.accept()
            reached.set()
        except TimeoutError:
            pass
    assert not reached.is_set()
    assert record.score == FULL


def descendants_named(mark: str) -> list[str]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if mark.encode() in (folder / "cmdline").read_bytes():
                    found.append(folder.name)
            except OSError:
                pass
    return found


def test_no_orphan_acts_later(graded: Callable[..., Record]) -> None:
    mark = "86399.25"
    source = f"""
        import os, subprocess
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.execv("/bin/sleep", ["sleep", "{mark}"])
            os._exit(0)
        subprocess.Popen(["sleep", "{mark}"], start_new_session=True)
        """
    assert graded(with_cell(source)).score == FULL
    end = time.monotonic() + 5
    while descendants_named(mark) and time.monotonic() < end:
        time.sleep(0.05)
    assert descendants_named(mark) == []


@pytest.fixture
def as_ordinary_user(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The sandbox as somebody else than root gets it: in a user namespace."""
    monkeypatch.setattr("exercises.grader.sandbox.AS_ROOT", AS_USER)
    bubblewrap.cache_clear()
    yield
    bubblewrap.cache_clear()


@pytest.mark.parametrize(
    "source",
    [
        HARMFUL_CELLS["fork bomb"][0],
        HARMFUL_CELLS["10 GB in hidden files"][0],
        HARMFUL_CELLS["SIGKILL to everybody"][0],
        "import socket\nsocket.create_connection(('127.0.0.1', 22), 1)",
    ],
)
def test_in_a_user_namespace(source: str, as_ordinary_user: None, graded: Callable[..., Record]) -> None:
    program = bubblewrap()
    assert program is not None
    assert "--unshare-user" in program
    record = graded(with_cell(source))
    assert record.score == FULL, record.reason
    assert record.sandboxed


@pytest.mark.parametrize("case", SEARCHES)
def test_a_search_finds_nothing_in_a_user_namespace(
    case: str, as_ordinary_user: None, graded: Callable[..., Record]
) -> None:
    test_a_search_finds_nothing(case, graded)


KILLED = """
import exercises.grader.sandbox as sandbox
sandbox.AS_ROOT = sandbox.AS_USER if {user} else sandbox.AS_ROOT
with sandbox.Sandbox(sandbox.Limits()) as process:
    source = "import os; os.execv('/bin/sleep', ['sleep', '{mark}'])"
    process.ask({{"do": "run", "source": source, "seconds": 100}}, 100)
"""


@pytest.mark.parametrize("user", [False, True])
def test_a_killed_grader_leaves_nothing_behind(user: bool) -> None:
    mark = f"8639{int(user)}.5"
    command = [sys.executable, "-c", KILLED.format(user=user, mark=mark)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        end = time.monotonic() + 30
        while not (seen := descendants_named(f"sleep\0{mark}")) and time.monotonic() < end:
            time.sleep(0.05)
        process.kill()
    assert seen
    while (left := descendants_named(f"sleep\0{mark}")) and time.monotonic() < end + 30:
        time.sleep(0.05)
    assert left == []


# Notebooks whose cells were moved, removed or relabelled: what the code does is what counts.
def stripped(made: dict[str, Any]) -> None:
    made["metadata"] = {}
    for cell in made["cells"]:
        cell["metadata"] = {}


def without(grade_id: str) -> Callable[[dict[str, Any]], None]:
    def change(made: dict[str, Any]) -> None:
        made["cells"] = [
            cell for cell in made["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") != grade_id
        ]

    return change


def reordered(made: dict[str, Any]) -> None:
    first, rest = made["cells"][:3], made["cells"][3:]
    made["cells"] = first + rest[::-1]


def relabelled(made: dict[str, Any]) -> None:
    for cell in made["cells"]:
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"] = {"grade_id": "x", "points": 1000, "grade": True, "locked": False}


def edited_checks(made: dict[str, Any]) -> None:
    for cell in made["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id", "").endswith("-check"):
            cell["source"] = "print('16 of 16')"


def duplicated(made: dict[str, Any]) -> None:
    made["cells"] = [copy.deepcopy(cell) for cell in made["cells"] for _ in range(2)]


def many(made: dict[str, Any]) -> None:
    made["cells"] += with_end("pass")["cells"][-1:] * 2000


CELLS: dict[str, tuple[Callable[[dict[str, Any]], None], float, str]] = {
    "metadata stripped": (stripped, FULL, "graded"),
    "check deleted": (without("one-step-check"), FULL, "graded"),
    "solution deleted": (without("one-step"), FULL - ONE_STEP, "graded"),
    "given cell deleted": (without("worst-distance"), FULL, "graded"),
    "all twice": (duplicated, FULL, "graded"),
    "reordered": (reordered, FULL, "graded"),
    "relabelled, points edited": (relabelled, FULL, "graded"),
    "tests edited": (edited_checks, FULL, "graded"),
    "2,000 cells more": (many, 0, "not a notebook"),
}


@pytest.mark.parametrize("case", CELLS)
def test_cells(case: str, graded: Callable[..., Record]) -> None:
    change, score, status = CELLS[case]
    made = notebook(SET)
    change(made)
    record = graded(made)
    assert (record.status, record.score) == (status, score)


def test_changed_cells_are_noted(graded: Callable[..., Record]) -> None:
    made = notebook(SET)
    edited_checks(made)
    assert any("one-step-check was changed" in notice for notice in graded(made).notices)
    duplicated(made)
    assert any("more than once" in notice for notice in graded(made).notices)


GOOD = json.dumps(notebook(SET)).encode()
FILES: dict[str, bytes] = {
    "empty": b"",
    "white space": b" \n",
    "truncated": GOOD[: len(GOOD) // 2],
    "not JSON": b"def one_step(): pass",
    "JSON, no notebook": b"[1, 2, 3]",
    "null": b"null",
    "no cells": b'{"nbformat": 4, "metadata": {}}',
    "cells are no list": b'{"nbformat": 4, "cells": {"a": 1}}',
    "cell is no cell": b'{"nbformat": 4, "cells": [1]}',
    "source is a number": b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": 1}]}',
    "old format": b'{"nbformat": 3, "worksheets": [], "metadata": {}, "cells": []}',
    "format of the future": GOOD.replace(b'"nbformat": 4', b'"nbformat": 99'),
    "other language": GOOD.replace(
        b'"metadata": {}, "nbformat"', b'"metadata": {"kernelspec": {"language": "R"}}, "nbformat"'
    ),
    "bytes": bytes(range(256)) * 100,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "deep": b"[" * 5_000_000,
    "deep cells": b'{"nbformat": 4, "cells": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "huge number": b'{"nbformat": 4, "cells": ' + b"1" * 5_000_000 + b"}",
    "200 MB": b" " * 200_000_000,
    "surrogates": b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": 5}], "x": "\\ud800"}',
}


@pytest.mark.parametrize("case", FILES)
def test_no_notebook(case: str, graded: Callable[..., Record]) -> None:
    record = graded(FILES[case])
    assert (record.status, record.score) == ("not a notebook", 0)
    assert record.reason


def test_no_file(tmp_path: Path) -> None:
    """Links are not followed, folders and pipes not read."""
    good = tmp_path / "good.ipynb"
    good.write_bytes(GOOD)
    (tmp_path / "link.ipynb").symlink_to(good)
    (tmp_path / "folder.ipynb").mkdir()
    os.mkfifo(tmp_path / "pipe.ipynb")
    for name in ("link", "folder", "pipe", "missing"):
        record = grade(tmp_path / f"{name}.ipynb", SET, key=KEY)
        assert (record.status, record.score) == ("not a notebook", 0), name


@pytest.mark.parametrize(
    "name", ["with spaces.ipynb", "名前 é.ipynb", "line\nbreak.ipynb", "-rf.ipynb", "a'b\"c$(id).ipynb"]
)
def test_file_names(name: str, graded: Callable[..., Record]) -> None:
    record = graded(GOOD, name)
    assert record.score == FULL
    assert record.submission == name


def test_text_with_surrogates(graded: Callable[..., Record]) -> None:
    """A lone surrogate is legal JSON and no legal text."""
    made = json.dumps(with_cell("x = 'SURROGATE'")).replace("SURROGATE", "\\ud800").encode()
    assert graded(made).score == FULL


def test_one_right_notebook_among_all(graded: Callable[..., Record]) -> None:
    """What the cases above start from is right."""
    record = graded(GOOD)
    assert (record.status, record.score) == ("graded", FULL)
    assert record.seconds < 10


@pytest.fixture(scope="module", autouse=True)
def nothing_else_changes() -> Iterator[None]:
    """Sources and rubrics are the same after all of this."""
    root = ROOT / "exercises"

    def state() -> dict[str, str]:
        return {
            str(p): hashlib.sha256(p.read_bytes()).hexdigest() for kind in ("*.py", "*.ipynb") for p in root.rglob(kind)
        }

    before = state()
    yield
    assert state() == before
