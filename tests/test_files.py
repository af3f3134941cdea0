"""Files are whole or not there: a failure in the middle leaves what was, and nothing beside it."""

import json
import os
import tempfile

import numpy as np
import pytest

from minidiff import files


@pytest.fixture
def old(tmp_path):
    """A file that is there already, alone in its folder."""
    path = tmp_path / "page.html"
    path.write_text("old")
    return path


def alone(path):
    return os.listdir(path.parent) == [path.name]


# --- what cannot be written or read -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target, error, words",
    [
        ("folder", IsADirectoryError, "folder: expected the name of a file to write, got a folder"),
        ("none/a.png", FileNotFoundError, "a.png: expected a folder that exists to write into, got "),
        ("a.txt/b.png", FileNotFoundError, "b.png: expected a folder that exists to write into, got "),
    ],
)
def test_a_file_that_cannot_stand_there_is_refused_at_once(tmp_path, target, error, words):
    """The error names the file that was asked for, and not the temporary one; the block is not begun."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(error, match=words) as raised, files.whole(tmp_path / target):
        pytest.fail("work was begun")
    assert ".minidiff" not in str(raised.value)
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "folder"]


@pytest.mark.parametrize("path", [None, 3, b"a.txt", ["a.txt"], ""])
def test_a_path_of_another_kind_is_named(path):
    """Not an error from inside pathlib."""
    with pytest.raises((TypeError, ValueError), match=r"^path: expected a path, got "), files.whole(path):
        pytest.fail("work was begun")


# --- whole -----------------------------------------------------------------------------------------------------------


def test_a_file_appears_when_it_is_complete(old):
    """Inside the block the old file is still what readers see; after it, the new one, and nothing else in the folder."""
    with files.whole(old) as temporary:
        assert temporary.parent == old.parent and temporary != old
        # Pillow and NumPy choose the format, or add an ending, by the suffix.
        assert temporary.suffix == ".html"
        temporary.write_text("new")
        assert old.read_text() == "old"
    assert old.read_text() == "new"
    assert alone(old)


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt, SystemExit])
def test_a_failure_in_the_middle_leaves_the_old_file(old, error):
    """Whatever ends the block - an interrupt too - the old file stays as it was and the half-written one is gone."""
    with pytest.raises(error), files.whole(old) as temporary:
        temporary.write_text("ne")
        raise error("in the middle")
    assert old.read_text() == "old"
    assert alone(old)


def test_a_failure_in_the_middle_leaves_no_new_file(tmp_path):
    """The same where there was no file before."""
    with pytest.raises(ValueError), files.whole(tmp_path / "a.png") as temporary:
        temporary.write_text("half")
        raise ValueError
    assert os.listdir(tmp_path) == []


def test_a_failure_to_rename_leaves_the_old_file(old, monkeypatch):
    """A rename that fails (here: a full disk) raises, keeps the old file, and cleans up."""

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space"), files.whole(old) as temporary:
        temporary.write_text("new")
    monkeypatch.undo()
    assert old.read_text() == "old"
    assert alone(old)


def test_a_folder_in_the_way_is_not_replaced(tmp_path):
    """Where a folder has the file's name, writing fails and the folder stays."""
    (tmp_path / "a.json" / "inside").mkdir(parents=True)
    with pytest.raises(OSError):
        files.write_text(tmp_path / "a.json", "new")
    assert os.listdir(tmp_path) == ["a.json"]
    assert os.listdir(tmp_path / "a.json") == ["inside"]


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_permissions_are_those_of_any_new_file(tmp_path, mask):
    """Files are 0o666 without the umask, as open() makes them, not the 0o600 of temporary files; the umask is not changed."""
    before = os.umask(mask)
    try:
        files.write_text(tmp_path / "a.txt", "new")
        (tmp_path / "b.txt").write_text("new")
        kept = os.umask(mask)
    finally:
        os.umask(before)
    assert kept == mask
    modes = [os.stat(tmp_path / name).st_mode & 0o777 for name in ("a.txt", "b.txt")]
    assert modes[0] == modes[1] == 0o666 & ~mask


# --- texts and numbers -----------------------------------------------------------------------------------------------


def test_texts_are_utf8(tmp_path):
    """Whatever the locale says."""
    files.write_text(tmp_path / "a.txt", "x\u0302 \u2248 \u03b1\n")
    assert (tmp_path / "a.txt").read_bytes().decode("utf-8") == "x\u0302 \u2248 \u03b1\n"


def strictly(path):
    """The JSON file, read as the standard has it: NaN and Infinity, which Python would take, are errors."""
    return json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_numbers_survive_as_json(tmp_path):
    """Numbers, texts, lists, tuples, arrays and NumPy's scalars come back as plain JSON, floats to six digits."""
    numbers = {
        "text": "a",
        "whole": 3,
        "yes": True,
        "nothing": None,
        "third": 1 / 3,
        "tiny": 1.23456789e-30,
        "list": [1, (2.5, "b")],
        "array": np.arange(4).reshape(2, 2),
        "single": np.float32(0.1),
        "count": np.int64(7),
        "flag": np.bool_(False),
        "nested": {4: {"x": np.array([0.5])}},
    }
    files.write_numbers(tmp_path / "a.json", numbers)
    assert strictly(tmp_path / "a.json") == {
        "text": "a",
        "whole": 3,
        "yes": True,
        "nothing": None,
        "third": 0.333333,
        "tiny": 1.23457e-30,
        "list": [1, [2.5, "b"]],
        "array": [[0, 1], [2, 3]],
        "single": 0.1,
        "count": 7,
        "flag": False,
        "nested": {"4": {"x": [0.5]}},
    }


def test_nan_and_infinity_are_null(tmp_path):
    """JSON has no nan and no infinity: both are null, in arrays and lists too."""
    values = {"a": float("nan"), "b": [np.inf, 1.0], "c": np.array([[np.nan, -np.inf]]), "d": np.float32("nan")}
    files.write_numbers(tmp_path / "a.json", values)
    assert strictly(tmp_path / "a.json") == {"a": None, "b": [None, 1.0], "c": [[None, None]], "d": None}


def test_numbers_that_cannot_be_written_leave_the_old_file(old):
    """A value that JSON has no form for raises before the old file is touched."""
    with pytest.raises(TypeError):
        files.write_numbers(old, {"a": 1, "b": object()})
    assert old.read_text() == "old"
    assert alone(old)


# --- folders ---------------------------------------------------------------------------------------------------------


def test_a_folder_is_made_with_its_parents(tmp_path):
    """And one that is there is taken as it is; either way nothing is left in it."""
    path = tmp_path / "a" / "b"
    for _ in range(2):
        assert files.folder(str(path)) == path
        assert os.listdir(path) == []


@pytest.mark.parametrize("below", ["", "sub", "sub/sub"])
def test_a_file_in_the_way_is_named(tmp_path, below):
    """A file where the folder, or a parent of it, should be: one line with the argument and the path; the file stays."""
    (tmp_path / "file").write_text("old")
    path = tmp_path / "file" / below
    with pytest.raises(ValueError) as caught:
        files.folder(path)
    message = str(caught.value)
    assert message.startswith("--out: expected a folder") and str(path) in message and "\n" not in message
    assert (tmp_path / "file").read_text() == "old"


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    """A folder that is there but takes no files is refused before any work. (Made by hand: root may write anywhere.)"""

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    with pytest.raises(ValueError, match=r"--out: expected a folder that can be written.*Permission denied"):
        files.folder(tmp_path)
