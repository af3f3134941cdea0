"""python -m minidiff."""

from .command import program

if __name__ == "__main__":
    program()
