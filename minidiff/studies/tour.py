"""The whole story in one command: every chapter computes its figures and numbers, and one page shows them in order."""

from pathlib import Path
from typing import Any

from tqdm import tqdm

from .. import datasets, files, process
from ..machines import Machine
from ..types import Array, PathLike
from .chapters import CHAPTERS, SCHEDULE
from .page import png, render, words


class Studio:
    """What the chapters share: images, the seed, how many samples and steps they take, and a progress bar over steps."""

    def __init__(self, seed: int, quick: bool, train: bool = False) -> None:
        self.seed, self.quick, self.train = seed, quick, train
        self.steps = 8 if quick else 20
        self.recited = 20 if quick else 100
        self.samples = 6 if quick else 20
        self.shown = 4 if quick else 6
        self.digits = datasets.digits(size=16)[0]
        self.learned = self.digits[: 100 if quick else 600]
        self.few = self.digits[: 60 if quick else 300]
        self.crops = datasets.photo(count=60 if quick else 300, size=16, rng=seed)[0]
        self.bar = tqdm(unit="step", desc="tour", total=self.steps * 21 + 3)

    def noise(self, like: Array, count: int) -> Array:
        """Unit normal noise of `count` images like these; the first ones are the same for every `count`."""
        return process.unit_noise((count, *like.shape[1:]), self.seed)

    def walk(self, machine: Machine, noise: Array) -> list[process.Step]:
        """All steps of the way back by DDIM from these noises."""
        walked = []
        for step in process.ddim(machine, SCHEDULE, noise=noise, steps=self.steps):
            walked.append(step)
            self.bar.update()
        return walked

    def samples_of(self, machine: Machine, noise: Array) -> Array:
        """The last images of that way."""
        return self.walk(machine, noise)[-1].x


def tour(out: PathLike, seed: int = 0, quick: bool = False, train: bool = False) -> Path:
    """Write the figures of the chapters, numbers.json and index.html to the folder `out`, and return the path of index.html.

    Parameters
    ----------
    out : path of an existing folder
    seed : int
        The seed of all noises and of the crops of the photograph.
    quick : bool
        Take fewer images, samples and steps.
    train : bool
        Train the networks of the chapter on prediction now, instead of using the shipped weights.
    """
    out = Path(out)
    studio = Studio(seed, quick, train)
    chapters, pictures = [], {}
    numbers: dict[str, Any] = {"seed": seed, "quick": quick, "steps": studio.steps}
    with studio.bar:
        for chapter in CHAPTERS:
            studio.bar.set_description(chapter.__name__)
            told = chapter(studio)
            chapters.append(told)
            numbers[chapter.__name__] = told.numbers
            for name, figure, _ in told.figures:
                pictures[name] = png(figure)
                with files.whole(out / name) as temporary:
                    temporary.write_bytes(pictures[name])
    files.write_numbers(out / "numbers.json", numbers)
    page = out / "index.html"
    title, (lead,), _ = words("lead")
    files.write_text(page, render(title, lead, chapters, pictures, words("foot")[1][0]))
    return page
