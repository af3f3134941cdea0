"""Trained weights that come with the package, by name; weights/README.md says how each was made."""

from pathlib import Path

from .network import Network

FOLDER = Path(__file__).parent / "weights"


def names():
    """The names of the shipped weights, such as "digits-zeros"."""
    return sorted(path.stem for path in FOLDER.glob("*.npz"))


def load(name_or_path):
    """A trained network: shipped weights by name, or a file that `Network.save` wrote; `notes` says on which data it was trained.

    Raises ValueError for an unknown name or a file that is not one.
    """
    if str(name_or_path) in names():
        return Network.load(FOLDER / f"{name_or_path}.npz")
    if not Path(name_or_path).exists():
        known = ", ".join(names()) or "none"
        raise ValueError(f"network: expected one of {known}, or a path to weights, got {str(name_or_path)!r}")
    return Network.load(name_or_path)
