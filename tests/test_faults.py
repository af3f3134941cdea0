"""Faults on purpose: kill -9, a full disk, folders that take nothing, no home, many at once on an empty cache.

Files are written beside their place and then renamed to it. So whatever happens, each file that has its name is whole.
"""

import errno
import os
import random
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from command_line import arrays, same, strictly
from marks import INTERRUPTS, also_slow
from PIL import Image

from minidiff import datasets, files, nets

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="uses what Linux has")
TINY = ("--data", "digits", "--size", "6", "--count", "12")
SAMPLE = ("sample", *TINY, "--machine", "is", "--steps", "20")
TRAIN = ("train", *TINY, "--width", "4", "--depth", "1", "--batch", "4")


def start(*arguments, environment=None, before="", **options):
    """A command in a process of its own, after some code."""
    program = ["-c", f"{before}; from minidiff.command import program; program()"] if before else ["-m", "minidiff"]
    command = [sys.executable, *program, *map(str, arguments)]
    return subprocess.Popen(command, env=environment or os.environ, stdout=-1, stderr=-1, text=True, **options)


def ended(process):
    """(exit code, lines on stdout, lines on stderr without the progress bar) of a process at its end."""
    out, said = process.communicate(timeout=300)
    lines = [line for line in said.replace("\r", "\n").splitlines() if line.strip() and "%|" not in line]
    return process.returncode, out.splitlines(), lines


def whole(folder):
    """Read each file in a folder and below, but for the hidden ones that a killed process left; the names of those read."""
    read = {".npz": arrays, ".json": strictly, ".png": picture, ".gif": picture, ".html": page}
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    for path in found:
        read[path.suffix](path)
    return {path.name for path in found}


def picture(path):
    with Image.open(path) as image:
        image.load()


def page(path):
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")


def killed(seed, longest, *arguments, **options):
    """Begin a command and kill it at a random moment; whether it came to its end before."""
    process = start(*arguments, **options)
    time.sleep(random.Random(seed).uniform(0, longest))
    process.send_signal(signal.SIGKILL)
    return ended(process)[0] == 0


# --- kill -9 ---------------------------------------------------------------------------------------------------------


@LINUX
@pytest.mark.compiled
def test_a_training_that_is_killed_can_go_on(tmp_path):
    """Killed after its first checkpoint: every file is whole, and --resume makes the weights of a run that nobody killed."""
    often = "from minidiff.nets import train; train.__globals__['KEEP_EVERY'] = 0.2"
    process = start(*TRAIN, "--steps", 20000, "--out", tmp_path, before=often)
    deadline = time.monotonic() + 120
    while not (tmp_path / "checkpoint.npz").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert ended(process)[0] == -signal.SIGKILL
    assert whole(tmp_path) == {"checkpoint.npz"}
    images = datasets.load("digits", size=6, count=12, rng=0)[0]
    network = nets.Network(width=4, depth=1)
    path, notes = tmp_path / "checkpoint.npz", {"seed": 0}
    first = next(nets.train(network, images, steps=20000, batch=4, rng=0, resume=path, notes=notes)).step
    assert 1 < first < 20000
    again = nets.Network(width=4, depth=1)
    for done in nets.train(again, images, steps=20000, batch=4, rng=0, notes=notes):
        if done.step == first:
            break
    assert same(again.params, network.params)


@LINUX
@pytest.mark.slow
@pytest.mark.compiled
def test_a_training_that_is_killed_again_and_again_comes_to_its_end(tmp_path):
    """Killed at random moments and resumed, ten times: no file is ever half written, no checkpoint is lost, the weights are
    those of a run that nobody killed."""
    killed_one, steps = tmp_path / "killed", 4000
    killed_one.mkdir()
    for seed in range(10):
        resume = ["--resume"] if (killed_one / "checkpoint.npz").exists() else []
        killed(seed, 5.0, *TRAIN, "--steps", steps, *resume, "--out", killed_one)
        assert whole(killed_one) <= {"checkpoint.npz", "numbers.json", "samples.png", "weights.npz"}
        assert (killed_one / "checkpoint.npz").exists() or not resume
    resume = ["--resume"] if (killed_one / "checkpoint.npz").exists() else []
    assert ended(start(*TRAIN, "--steps", steps, *resume, "--out", killed_one))[0] == 0
    assert ended(start(*TRAIN, "--steps", steps, "--out", tmp_path / "whole"))[0] == 0
    assert same(arrays(killed_one / "checkpoint.npz"), arrays(tmp_path / "whole" / "checkpoint.npz"))


@LINUX
@pytest.mark.slow
@pytest.mark.compiled
def test_a_sampling_that_is_killed_again_and_again_comes_to_its_end(tmp_path):
    """Killed at random moments and resumed: no answers are half written or lost, and the samples are those of an unbroken run."""
    command, often = (*SAMPLE, "-n", 200, "--eta", 0.5), "from minidiff.command import sampling; sampling.KEEP_EVERY = 0.01"
    (tmp_path / "killed").mkdir()
    answers = tmp_path / "killed" / "unfinished.npz"
    for seed in range(20):
        resume = ["--resume"] if answers.exists() else []
        killed(seed, 3.0, *command, *resume, "--out", tmp_path / "killed", before=often)
        names = whole(tmp_path / "killed")
        assert names if resume else True
        if "numbers.json" in names:
            break
    resume = ["--resume"] if answers.exists() else []
    assert ended(start(*command, *resume, "--out", tmp_path / "killed"))[0] == 0
    assert ended(start(*command, "--out", tmp_path / "whole"))[0] == 0
    assert same(arrays(tmp_path / "killed" / "samples.npz"), arrays(tmp_path / "whole" / "samples.npz"))
    assert whole(tmp_path / "killed") == {"numbers.json", "samples.npz", "samples.png"}


@LINUX
@pytest.mark.slow
@pytest.mark.compiled
@pytest.mark.parametrize("command", [(*SAMPLE, "-n", 200, "--gif"), ("tour", "--quick")], ids=lambda command: command[0])
def test_a_killed_command_leaves_whole_files(tmp_path, command):
    """Killed at random moments, in a folder that holds the files of a finished run: each is the old one or the new one, whole."""
    begun = time.monotonic()
    assert ended(start(*command, "--out", tmp_path))[0] == 0
    longest, names = time.monotonic() - begun, whole(tmp_path)
    for seed in range(6):
        killed(seed, 1.1 * longest, *command, "--seed", seed, "--out", tmp_path)
        assert whole(tmp_path) == names


@LINUX
def test_what_a_killed_process_left_is_swept(tmp_path):
    """Killed while it writes, a process leaves a hidden file: the next one that writes in the folder deletes it.

    What a process that still runs is writing stays, and so does what another computer or program has left there.
    """
    code = f"""
import os, signal
from minidiff import files
with files.whole({str(tmp_path / "samples.png")!r}) as beside:
    beside.write_bytes(b"PNG half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    (left,) = os.listdir(tmp_path)
    assert left.startswith(".minidiff-") and left.endswith(".png")
    mark, _, rest = left.removeprefix(".minidiff-").split("-")
    others = [f".minidiff-{mark}-1-{rest}", f".minidiff-00000000-99999999-{rest}", f".minidiff-{mark}", ".samples-x1y2z3.png"]
    for name in others:
        (tmp_path / name).write_bytes(b"half")
    files._sweep.cache_clear()
    files.write_text(tmp_path / "a.txt", "whole")
    assert sorted(os.listdir(tmp_path)) == sorted([*others, "a.txt"])


def test_what_a_killed_process_left_is_never_read(tmp_path):
    """Half-written files are hidden ones: a folder of images is the same with them, and none has an output's name."""
    for number in range(3):
        Image.fromarray(np.full((4, 4), 80 * number, np.uint8)).save(tmp_path / f"{number}.png")
    before = datasets.folder(tmp_path)[0]
    (tmp_path / ".samples-x1y2z3.png").write_bytes(b"\x89PNG half")
    np.testing.assert_array_equal(datasets.folder(tmp_path)[0], before)


# --- the disk --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("command", ["sample", "train"])
def test_a_disk_that_fails_is_one_line(tmp_path, run, monkeypatch, command, number):
    """A full disk, a quota, a damaged disk, one that became read-only: 2, one line, no half file; earlier results stay."""
    arguments = {"sample": (*SAMPLE, "-n", 2), "train": (*TRAIN, "--steps", 2)}[command]
    out = tmp_path / "out"
    assert run(*arguments, "--out", out)[0] == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def half(file, **_):
        file.write_bytes(b"PK half") if hasattr(file, "write_bytes") else file.write(b"PK half")
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(np, "savez_compressed", half)
    code, printed, said = run(*arguments, "--seed", 1, "--out", out)
    assert (code, printed, len(said)) == (2, [], 1) and os.strerror(number) in said[0]
    after = {path.name: path.read_bytes() for path in out.iterdir()}
    # The sheet of new samples was written before their arrays.
    assert {name: after[name] for name in before if name != "samples.png"} == {
        name: content for name, content in before.items() if name != "samples.png"
    }
    assert after.keys() == before.keys()
    picture(out / "samples.png")


@LINUX
@pytest.mark.slow
@pytest.mark.compiled
@pytest.mark.parametrize("room", [0, 1000, 5000, 20000, 60000])
def test_files_that_may_not_grow_are_one_line(tmp_path, room):
    """The system refuses every byte of a file beyond `room`: 2 and one line, or 0; and what has a name is whole."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    for arguments in ((*SAMPLE, "-n", 60), (*TRAIN, "--steps", 3)):
        out = tmp_path / arguments[0]
        out.mkdir()
        code, _, said = ended(start(*arguments, "--out", out, preexec_fn=limit))
        assert (code, len(said)) in ((0, 0), (2, 1)), said
        whole(out)
        assert not [path for path in out.iterdir() if path.name.startswith(".")]


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of its own, of so many bytes; only root may make one."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux can make a small disk")
    disks = []

    def make(size):
        place = tmp_path / f"disk-{size}"
        place.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no small disk can be made here: {done.stderr.strip()}")
        disks.append(place)
        return place

    yield make
    for place in disks:
        subprocess.run(["umount", place], check=True)


@pytest.mark.slow
@pytest.mark.compiled
@pytest.mark.parametrize("size", ["4k", "12k", "40k"])
def test_a_full_disk_is_one_line(small_disk, size):
    """Samples, training and the tour on a disk that is too small: 2 and one line that says so, and what has a name is whole."""
    place = small_disk(size)
    for arguments in ((*SAMPLE, "-n", 400), (*TRAIN, "--steps", 3, "--width", 32), ("tour", "--quick")):
        code, _, said = ended(start(*arguments, "--out", place))
        assert (code, len(said)) == (2, 1) and "No space left" in said[0]
        whole(place)
        for path in place.iterdir():
            path.unlink()


# --- folders that take nothing, and no home --------------------------------------------------------------------------


@LINUX
def test_a_read_only_folder_is_refused_before_any_work(tmp_path):
    """No right to write, on a folder or on a disk: 2 and one line at once, and what is there stays."""
    if os.geteuid() == 0:
        # Root may write in any folder, but no one in /proc and /sys.
        places = ["/proc/minidiff", "/sys/kernel"]
    else:
        (tmp_path / "shut").mkdir(mode=0o500)
        places = [tmp_path / "shut", tmp_path / "shut" / "new"]
    for place in places:
        code, printed, said = ended(start(*SAMPLE, "--out", place))
        assert (code, printed, len(said)) == (2, [], 1)
        assert said[0].startswith("minidiff sample: --out: expected a folder that can be written, got ")


@LINUX
@pytest.mark.parametrize("home", [also_slow(None), "/dev/null/nowhere"])
def test_no_home_is_no_matter(tmp_path, home):
    """HOME is not set, or is no folder: samples, pictures and all are written, and exit code 0."""
    environment = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR")}
    environment |= {} if home is None else {"HOME": home}
    code, printed, said = ended(start(*SAMPLE, "-n", 2, "--out", tmp_path, environment=environment))
    assert code == 0 and len(printed) == 1
    assert not any("Traceback" in line for line in said)
    assert whole(tmp_path) == {"numbers.json", "samples.npz", "samples.png"}


# --- many at once ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@LINUX
@pytest.mark.compiled
@pytest.mark.parametrize("count", [4, 12])
def test_many_begin_at_once_on_an_empty_cache(tmp_path, count):
    """All compile the same kernels at the same time: each gives the same samples, and leaves a cache that the next one reads."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    begun = [start(*SAMPLE, "-n", 2, "--out", tmp_path / str(i), environment=environment) for i in range(count)]
    ends = [ended(process) for process in begun]
    assert [code for code, _, _ in ends] == [0] * count
    assert all("compiling" in line for _, _, said in ends for line in said)
    first = arrays(tmp_path / "0" / "samples.npz")
    assert all(same(first, arrays(tmp_path / str(i) / "samples.npz")) for i in range(1, count))
    code, _, said = ended(start(*SAMPLE, "-n", 2, "--out", tmp_path / "again", environment=environment))
    assert (code, said) == (0, []) and same(first, arrays(tmp_path / "again" / "samples.npz"))
    left = [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert left and not [name for name in left if name.startswith(".")]


@LINUX
@pytest.mark.slow
@pytest.mark.compiled
def test_a_process_that_is_killed_while_it_compiles_spoils_no_cache(tmp_path):
    """Killed at random moments on an empty cache: the next one compiles what is missing, says nothing else, and ends well."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    for seed in range(5):
        process = start(*SAMPLE, "-n", 2, "--out", tmp_path / "killed", environment=environment)
        time.sleep(random.Random(seed).uniform(1, 6))
        process.send_signal(signal.SIGKILL)
        ended(process)
    code, _, said = ended(start(*SAMPLE, "-n", 2, "--out", tmp_path / "out", environment=environment))
    assert code == 0 and all("compiling" in line for line in said)


@LINUX
@INTERRUPTS
@pytest.mark.slow
@pytest.mark.compiled
@pytest.mark.parametrize("command", [SAMPLE, TRAIN, ("tour", "--quick"), ("compare", "--quick")], ids=lambda command: command[0])
def test_an_interrupt_at_any_moment_is_130(tmp_path, command):
    """Ctrl-C while it imports, compiles, works or writes: 130 and one line, or 0 at its end; never a traceback."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    for seed in range(12):
        process = start(*command, "--out", tmp_path / "out", environment=environment)
        time.sleep(0.3 + random.Random(seed).uniform(0, 8))
        process.send_signal(signal.SIGINT)
        code, _, said = ended(process)
        # Python ends itself by the signal where the interrupt passed through its own exec(), and a shell then says 130 too.
        assert code in (0, 130, -signal.SIGINT) and not any("Traceback" in line for line in said), said
        assert code != 130 or said[-1].startswith("minidiff: interrupted")
        if (tmp_path / "out").exists():
            whole(tmp_path / "out")
