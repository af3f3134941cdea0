"""Trained weights that come with the package, by name; weights/README.md says how each was made."""

from pathlib import Path

from .network import Network
from .train import train

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


def trained(name, settings, images, folder, seed=0, steps=3000, batch=32, rate=2e-3, notes=None, shipped=True, bar=None):
    """A network by name: the shipped weights, or those of an earlier run in `folder`, or trained now and kept there.

    Parameters
    ----------
    name : str
    settings : dict
        What `Network` is made with, beside `rng=seed`.
    images : (N, H, W, C)
    folder : Path of an existing folder
        Where a run that was broken off leaves its checkpoint, and goes on from it.
    seed, steps, batch, rate
        Of the training; see `train`.
    notes : dict that JSON can hold, optional
        Kept beside seed, steps and the mean loss of the last 200 steps, as `minidiff train` writes them.
    shipped : bool
        Whether shipped weights of that name will do.
    bar : tqdm bar, optional
        Told the step and the loss.

    Returns
    -------
    Network
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
