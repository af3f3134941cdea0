"""What every test may use."""

import re

import pytest

import minidiff as md
from minidiff import cli


@pytest.fixture
def run(capsys):
    """Run a command in this process: (exit code, lines on stdout, lines on stderr without the progress bar)."""

    def call(*arguments):
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
        captured = capsys.readouterr()
        lines = re.split(r"[\r\n]+", captured.err)
        said = [line for line in lines if line.strip() and not re.search(r"\d+/\d+ \[|\dstep \[", line)]
        return code, captured.out.splitlines(), said

    yield call
    # --threads is a setting of the process: put it back.
    md.set_threads()
