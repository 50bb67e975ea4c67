"""`load_mnist` against files written here with struct, the real MNIST, and a server that misbehaves on purpose."""

import errno
import gzip
import hashlib
import http.server
import os
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pooch
import pytest
import sklearn.datasets

from lrlab import data
from lrlab.data import load_digits, load_mnist

NAMES = tuple(data.SHA256)
TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = NAMES


# ---------------------------------------------------------------- the oracle: an independent writer of small files


def idx(values):
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.astype(np.uint8).tobytes()


def small_arrays():
    rng = np.random.default_rng(0)
    return {
        TRAIN_IMAGES: rng.integers(0, 256, (7, 28, 28)),
        TRAIN_LABELS: rng.integers(0, 10, 7),
        TEST_IMAGES: rng.integers(0, 256, (3, 28, 28)),
        TEST_LABELS: rng.integers(0, 10, 3),
    }


ARRAYS = small_arrays()
FILES = {name: gzip.compress(idx(values), mtime=0) for name, values in ARRAYS.items()}


def assert_small(dataset):
    assert dataset.name == "MNIST"
    for name, images in ((TRAIN_IMAGES, dataset.train_images), (TEST_IMAGES, dataset.test_images)):
        assert images.dtype == np.float32
        np.testing.assert_array_equal(images, (ARRAYS[name] / 255).astype(np.float32))
    for name, labels in ((TRAIN_LABELS, dataset.train_labels), (TEST_LABELS, dataset.test_labels)):
        assert labels.dtype == np.int64
        np.testing.assert_array_equal(labels, ARRAYS[name])


def content(folder):
    """Everything that lies in a folder, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


@pytest.fixture
def folder(tmp_path):
    for name, packed in FILES.items():
        (tmp_path / name).write_bytes(packed)
    return tmp_path


# ---------------------------------------------------------------- a part of it


def test_split_takes_the_front_and_the_back(folder):
    dataset = load_mnist(folder)
    (rows, labels), (held_out, by) = dataset.split(train=3, validation=2)
    assert rows.dtype == held_out.dtype == np.float32
    np.testing.assert_array_equal(rows, (ARRAYS[TRAIN_IMAGES][:3].reshape(3, 784) / 255).astype(np.float32))
    np.testing.assert_array_equal(held_out, (ARRAYS[TRAIN_IMAGES][5:].reshape(2, 784) / 255).astype(np.float32))
    np.testing.assert_array_equal(labels, ARRAYS[TRAIN_LABELS][:3])
    np.testing.assert_array_equal(by, ARRAYS[TRAIN_LABELS][5:])


def test_split_shrinks_both_parts_in_proportion_where_images_are_few(folder):
    (rows, labels), (_, by) = load_mnist(folder).split(train=3000, validation=1000)  # there are 7
    assert len(rows) == 5
    np.testing.assert_array_equal(labels, ARRAYS[TRAIN_LABELS][:5])
    np.testing.assert_array_equal(by, ARRAYS[TRAIN_LABELS][5:])


def test_split_makes_images_smaller_by_means_of_squares(folder):
    (rows, _), _ = load_mnist(folder).split(train=1, validation=1, side=14)
    image = ARRAYS[TRAIN_IMAGES][0] / 255
    wanted = [[image[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].mean() for j in range(14)] for i in range(14)]
    np.testing.assert_allclose(rows[0].reshape(14, 14), wanted, rtol=1e-6)
    (same, _), _ = load_mnist(folder).split(train=1, validation=1, side=100)
    np.testing.assert_array_equal(same[0].reshape(28, 28), image.astype(np.float32))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"train": 0, "validation": 1}, "train"),
        ({"train": 1, "validation": -1}, "validation"),
        ({"train": 1, "validation": 1, "side": 10}, "divide the width of the images, 28"),
        ({"train": 1, "validation": 1, "side": 0}, "side"),
    ],
)
def test_split_arguments_are_checked(folder, arguments, message):
    with pytest.raises(ValueError, match=message):
        load_mnist(folder).split(**arguments)


# ---------------------------------------------------------------- a folder that is named


def test_folder_of_compressed_files(folder):
    assert_small(load_mnist(folder))
    assert_small(load_mnist(str(folder)))


def test_folder_of_unpacked_files(folder):
    for name in NAMES[1:]:
        (folder / name).unlink()
        (folder / name.removesuffix(".gz")).write_bytes(idx(ARRAYS[name]))
    assert_small(load_mnist(folder))


def test_environment_names_the_folder_and_the_argument_comes_first(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("LRLAB_DATA", str(folder))
    assert_small(load_mnist())
    assert str(folder) in load_mnist().source
    with pytest.raises(FileNotFoundError, match=r"^folder must hold train-images.*got folder='.*nowhere'"):
        load_mnist(tmp_path / "nowhere")


def test_missing_file_is_named_and_nothing_is_downloaded(folder, monkeypatch):
    monkeypatch.setattr(data, "_download", None)
    monkeypatch.setenv("LRLAB_DATA", str(folder))
    (folder / TEST_LABELS).unlink()
    with pytest.raises(FileNotFoundError, match=f"^LRLAB_DATA must hold {TEST_LABELS}, got LRLAB_DATA=.*lacks it"):
        load_mnist()
    monkeypatch.setenv("LRLAB_DATA", str(folder / "nowhere"))
    with pytest.raises(FileNotFoundError, match=f"^LRLAB_DATA must hold {TRAIN_IMAGES}.*does not exist"):
        load_mnist()


WHOLE = FILES[TRAIN_IMAGES]
RAW = idx(ARRAYS[TRAIN_IMAGES])
DAMAGE = {
    "empty": (TRAIN_IMAGES, b"", r"starts with .*, got b''"),
    "truncated gzip": (TRAIN_IMAGES, WHOLE[: len(WHOLE) // 2], r"whole gzip file, got a damaged one"),
    "corrupt gzip": (TRAIN_IMAGES, WHOLE[:-8] + bytes(8), r"whole gzip file, got a damaged one \(CRC check failed"),
    "corrupt deflate": (TRAIN_IMAGES, WHOLE[:10] + b"\xff" * 50, r"whole gzip file, got a damaged one \(Error -3"),
    "bytes after the end": (TRAIN_IMAGES, WHOLE + b"more", r"whole gzip file, got a damaged one"),
    "HTML": (TRAIN_IMAGES, b"<!DOCTYPE html>", r"starts with b'\\x00\\x00\\x08\\x03', got b'<!DO'"),
    "labels for images": (TRAIN_IMAGES, FILES[TRAIN_LABELS], r"got b'\\x00\\x00\\x08\\x01'"),
    "images for labels": (TRAIN_LABELS, WHOLE, r"starts with b'\\x00\\x00\\x08\\x01', got b'\\x00\\x00\\x08\\x03'"),
    "floats": (TRAIN_IMAGES, b"\0\0\x0d\3" + RAW[4:], r"got b'\\x00\\x00\\r\\x03'"),
    "header cut": (TRAIN_IMAGES, RAW[:9], r"got 9; get it anew"),
    "pixels cut": (TRAIN_IMAGES, RAW[:-1], r"hold 5504 bytes for its shape \(7, 28, 28\), got 5503"),
    "pixels too many": (TRAIN_IMAGES, RAW + b"\0", r"hold 5504 bytes for its shape \(7, 28, 28\), got 5505"),
    "absurd sizes": (TRAIN_IMAGES, RAW[:4] + b"\xff" * 12, r"hold 79228162458924105385300197391 bytes .* got 16"),
    "other pixels": (TRAIN_IMAGES, idx(np.zeros((7, 8, 9))), r"hold images of 28×28 pixels, got 7 of 8×9"),
    "no image": (TRAIN_IMAGES, idx(np.zeros((0, 28, 28))), r"hold images of 28×28 pixels, got 0 of"),
    "another count": (TRAIN_LABELS, idx(np.zeros(8)), r"hold a label for each of 7 images, got 8 labels"),
    "letters": (TRAIN_LABELS, idx(np.full(7, 11)), r"hold labels from 0 to 9, got 11"),
}


@pytest.mark.parametrize(("name", "damaged", "message"), DAMAGE.values(), ids=DAMAGE)
def test_damaged_file_is_named(folder, name, damaged, message):
    (folder / name).write_bytes(damaged)
    with pytest.raises(ValueError, match=message) as caught:
        load_mnist(folder)
    assert str(caught.value).startswith(f"{folder / name} must ")
    assert "\n" not in str(caught.value)


# ---------------------------------------------------------------- the real MNIST


@pytest.fixture(scope="module")
def mnist():
    if not os.environ.get("LRLAB_DATA"):
        reason = "LRLAB_DATA names no folder with the MNIST files"
        (pytest.fail if os.environ.get("LRLAB_STRICT") == "1" else pytest.skip)(reason)
    return load_mnist()


def test_mnist_is_the_known_data_set(mnist):
    assert mnist.train_images.shape == (60000, 28, 28)
    assert mnist.test_images.shape == (10000, 28, 28)
    train = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    test = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(mnist.train_labels).tolist() == train
    assert np.bincount(mnist.test_labels).tolist() == test
    assert mnist.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    for images in (mnist.train_images, mnist.test_images):
        assert images.dtype == np.float32
        assert (images.min(), images.max()) == (0, 1)
    assert round(mnist.train_images.mean(dtype=np.float64), 4) == 0.1307
    assert round(mnist.train_images.std(dtype=np.float64), 4) == 0.3081


def test_checksums_are_those_of_the_real_files(mnist):
    files = {name: Path(os.environ["LRLAB_DATA"], name) for name in NAMES}
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()} == data.SHA256


# ---------------------------------------------------------------- downloads, from a server that misbehaves


class Server(http.server.ThreadingHTTPServer):
    """Serves FILES under /one/ and /two/; `plan[mirror]` lists what it does to the next requests, then all is well."""

    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.plan, self.requests, self.lock = {}, [], threading.Lock()
        self.stalled, self.release, self.together = threading.Event(), threading.Event(), threading.Barrier(3)
        self.mirrors = tuple(f"http://127.0.0.1:{self.server_port}/{mirror}/" for mirror in ("one", "two"))

    def handle_error(self, request, client_address):
        """A client that hangs up in the middle is part of the test."""


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        _, mirror, name = self.path.split("/")
        with self.server.lock:
            self.server.requests.append((mirror, name))
            act = next(self.server.plan.get(mirror, iter(())), "ok")
        if act == "together":
            self.server.together.wait(20)
        body = {"html": b"<html>Sign in to this network</html>", "wrong": FILES[name][::-1]}.get(act, FILES[name])
        self.send_response(int(act) if act.isdigit() else 200)
        self.send_header("Content-Length", "many" if act == "nonsense" else str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if act in ("truncate", "stall") else body)
        if act == "stall":
            self.server.stalled.set()
            self.server.release.wait(30)


@pytest.fixture
def server(tmp_path, monkeypatch):
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.delenv("LRLAB_DATA", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / project)
    monkeypatch.setattr(data, "MIRRORS", server.mirrors)
    monkeypatch.setattr(data, "SHA256", {name: hashlib.sha256(packed).hexdigest() for name, packed in FILES.items()})
    monkeypatch.setattr(data, "TIMEOUT", 1.0)
    monkeypatch.setattr(data, "WAITS", (0.0, 0.01, 0.02))
    yield server
    server.release.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "lrlab" / "mnist"


def test_download_fills_the_cache_once(server, cache, capsys):
    assert_small(load_mnist())
    shown = capsys.readouterr()
    assert shown.out == ""
    assert all(name in shown.err for name in NAMES)  # the progress bars
    assert content(cache) == FILES
    assert_small(load_mnist())
    assert server.requests == [("one", name) for name in NAMES]
    assert str(cache) in load_mnist().source


def test_progress_off_is_silent(server, capsys):
    load_mnist(progress=False)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("act", "reason", "attempts"), [
    ("404", "HTTP 404", 1),
    ("503", "HTTP 503", 3),
    ("429", "HTTP 429", 3),
    ("truncate", "truncated", 3),
    ("stall", "timed out", 1),
    ("html", "wrong checksum, not the file asked for", 1),
    ("wrong", "wrong checksum, not the file asked for", 1),
    ("nonsense", "ValueError", 1),
])  # fmt: skip
class TestServerThat:
    def test_fails_is_left_for_the_next_mirror(self, server, cache, capsys, act, reason, attempts):
        server.plan["one"] = iter([act] * attempts)
        assert_small(load_mnist(progress=False))
        assert content(cache) == FILES
        assert server.requests[: attempts + 1] == [("one", TRAIN_IMAGES)] * attempts + [("two", TRAIN_IMAGES)]
        assert capsys.readouterr() == ("", "")

    def test_fails_everywhere_gives_the_digits_in_one_line_and_heals(
        self, server, cache, capsys, act, reason, attempts
    ):
        server.plan = {"one": iter([act] * attempts), "two": iter([act] * attempts)}
        assert load_mnist(progress=False).name == "digits 8×8"
        line = capsys.readouterr().out
        assert line.count("\n") == 1
        host = f"127.0.0.1:{server.server_port}"
        assert f"{cache} and could not be downloaded ({TRAIN_IMAGES} from {host}: {reason}; {host}: {reason})" in line
        assert content(cache) == {}
        assert_small(load_mnist(progress=False))
        assert content(cache) == FILES


def test_busy_server_is_asked_again(server, cache):
    server.plan["one"] = iter(["503", "truncate"])
    assert_small(load_mnist(progress=False))
    assert {mirror for mirror, _ in server.requests} == {"one"}
    assert content(cache) == FILES


def test_failure_halfway_keeps_the_whole_files_only(server, cache):
    server.plan = {"one": iter(["ok", "ok", "404"]), "two": iter(["html"])}
    assert load_mnist(progress=False).name == "digits 8×8"
    assert content(cache) == {name: FILES[name] for name in (TRAIN_IMAGES, TRAIN_LABELS)}
    server.requests.clear()
    assert_small(load_mnist(progress=False))
    assert server.requests == [("one", TEST_IMAGES), ("one", TEST_LABELS)]


def test_damaged_cache_is_mended(server, cache):
    load_mnist(progress=False)
    (cache / TEST_IMAGES).write_bytes(FILES[TEST_IMAGES][:100])
    (cache / TEST_LABELS).unlink()
    assert_small(load_mnist(progress=False))
    assert content(cache) == FILES


def test_full_disk_leaves_nothing_half_written(server, cache, monkeypatch):
    def half(path, content, write=Path.write_bytes):
        write(path, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", half)
        with pytest.raises(OSError, match="No space left"):
            load_mnist(progress=False)
    assert content(cache) == {}
    assert_small(load_mnist(progress=False))
    assert content(cache) == FILES


def test_no_network_without_fallback(server, cache, monkeypatch):
    monkeypatch.setattr(data, "MIRRORS", ("http://127.0.0.1:9/",))
    with pytest.raises(ConnectionError, match=r"127\.0\.0\.1:9: no connection\); set LRLAB_DATA to a folder") as caught:
        load_mnist(fallback=False)
    assert "\n" not in str(caught.value)
    assert not cache.exists()


def test_no_network_gives_scikit_learns_digits(server, monkeypatch):
    monkeypatch.setattr(data, "MIRRORS", ("http://127.0.0.1:9/",))
    digits, again = load_mnist(), load_mnist()
    assert digits.train_images.shape == (1437, 8, 8)
    assert digits.test_images.shape == (360, 8, 8)
    assert digits.train_images.dtype == np.float32
    assert digits.train_labels.dtype == np.int64
    for images in (digits.train_images, digits.test_images):
        assert (images.min(), images.max()) == (0, 1)
    assert np.bincount(digits.test_labels).min() >= 30
    np.testing.assert_array_equal(digits.test_images, again.test_images)
    assert "load_digits" in digits.source
    np.testing.assert_array_equal(digits.train_images, load_digits().train_images)


def test_digits_are_scikit_learns_in_its_order():
    theirs = sklearn.datasets.load_digits()
    ours = load_digits()
    np.testing.assert_array_equal(np.concatenate([ours.train_images, ours.test_images]) * 16, theirs.images)
    np.testing.assert_array_equal(np.concatenate([ours.train_labels, ours.test_labels]), theirs.target)


@pytest.mark.parametrize("package", ["pooch", "tqdm", "sklearn"])
def test_missing_package_says_what_to_install(server, monkeypatch, package):
    monkeypatch.setattr(data, "MIRRORS", ("http://127.0.0.1:9/",))
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "sklearn.datasets", raising=False)
    with pytest.raises(ModuleNotFoundError, match=rf"^lrlab.data needs {package}.*: pip install pooch tqdm"):
        load_mnist(progress=False)


# ---------------------------------------------------------------- other processes

SCRIPT = """
import sys
from pathlib import Path
import pooch
from lrlab import data
data.MIRRORS, data.SHA256, cache = {mirrors}, {hashes}, {cache!r}
pooch.os_cache = lambda project: Path(cache)
print(data.load_mnist(progress=False, fallback=False))
"""


def start(server, cache):
    script = SCRIPT.format(mirrors=server.mirrors, hashes=data.SHA256, cache=str(cache.parent))
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_killed_while_the_server_stalls(server, cache):
    server.plan["one"] = iter(["stall"])
    process = start(server, cache)
    assert server.stalled.wait(20)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert content(cache) == {}
    assert_small(load_mnist(progress=False))
    assert content(cache) == FILES


def test_processes_at_once(server, cache):
    server.plan["one"] = iter(["together"] * 3)  # nobody gets the first file before all three asked for it
    processes = [start(server, cache) for _ in range(3)]
    for process in processes:
        output, _ = process.communicate(timeout=30)
        assert output.startswith("Dataset('MNIST', 7 training and 3 test images of 28×28"), output
    assert content(cache) == FILES


def test_import_needs_numpy_only():
    check = (
        "import sys, lrlab.data; print(sorted({'pooch', 'requests', 'tqdm', 'sklearn', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout == "[]\n"
