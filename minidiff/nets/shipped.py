"""Trained networks by name: those that come with the package, and those that a study trains once and keeps.

weights/README.md says how each of the package's networks was made.
"""

from pathlib import Path
from typing import Any

from ..files import as_path
from ..types import Array, PathLike
from .network import Network
from .train import train

FOLDER = Path(__file__).parent / "weights"
# The side in pixels of the images that all shipped networks were trained on.
TRAINED_SIZE = 16


def names() -> list[str]:
    """The names of the shipped weights, such as "digits-zeros", in alphabetical order."""
    return sorted(path.stem for path in FOLDER.glob("*.npz"))


def load(name_or_path: PathLike) -> Network:
    """A trained network: shipped weights by name, or a file that `Network.save` wrote.

    Its attribute `notes` says on which data it was trained; `datasets.load` makes them again from its "data", "size", "count",
    "colour" and "data_seed". Raises ValueError for an unknown name, and for a file that holds no network.

    Examples
    --------
    >>> network = load("digits-zeros")
    >>> network.padding, network.notes["data"]["size"]
    ('zeros', 16)
    """
    if str(name_or_path) in names():
        network = Network.load(FOLDER / f"{name_or_path}.npz")
        data = network.notes.get("data", {})
        if "size" in data and data["size"] is None:
            # Some files say None for the size that `minidiff train` takes by default. datasets.load would read digits at 8.
            network.notes["data"] = {**data, "size": TRAINED_SIZE}
        return network
    if not as_path(name_or_path, "network").exists():
        known = ", ".join(names()) or "none"
        raise ValueError(f"network: expected one of {known}, or a path to weights, got {str(name_or_path)!r}")
    return Network.load(name_or_path)


def trained(
    name: str,
    settings: dict[str, Any],
    images: Array,
    folder: Path,
    seed: int = 0,
    steps: int = 3000,
    batch: int = 32,
    rate: float = 2e-3,
    notes: dict[str, Any] | None = None,
    shipped: bool = True,
    bar: Any = None,
) -> Network:
    """A network by name: shipped weights, or the result of an earlier run in `folder`, or a network that is trained now.

    A network that is trained now is kept in `folder`. If a run is interrupted, its checkpoint stays there, and the next call
    continues from it.

    Parameters
    ----------
    name : str
    settings : dict
        The arguments of `Network`, without `rng`, which is `seed`.
    images : (N, H, W, C) float32 or float64
    folder : Path of an existing folder
    seed, steps, batch, rate
        The arguments of the training; see `train`.
    notes : dict that JSON can hold, optional
        It is kept in the file of weights, together with the seed, the steps and the mean loss of the last 200 steps.
    shipped : bool
        Whether shipped weights of that name may be used.
    bar : tqdm bar, optional
        It shows the step and the loss.

    Returns
    -------
    network : Network

    Raises as `Network`, `train` and `load` do.
    """
    if shipped and name in names():
        return load(name)
    path, checkpoint = folder / f"{name}.npz", folder / f"{name}-checkpoint.npz"
    if path.exists():
        return load(path)
    network = Network(**settings, rng=seed)
    resume = checkpoint if checkpoint.exists() else None
    losses = []
    for done in train(network, images, steps, batch, rate, rng=seed, checkpoint=checkpoint, resume=resume):
        losses.append(done.loss)
        if bar is not None:
            bar.set_postfix(training=name, step=done.step, loss=f"{done.loss:.3f}", refresh=done.step % 20 == 0)
    loss = sum(losses[-200:]) / len(losses[-200:]) if losses else None
    network.save(path, notes={**(notes or {}), "seed": seed, "steps": steps, "loss": loss})
    checkpoint.unlink()
    return network
