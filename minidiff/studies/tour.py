"""The whole story in one command: every chapter computes its figures and its numbers, and one page tells them in order."""

from pathlib import Path

from tqdm import tqdm

from .. import datasets, files, process
from .chapters import CHAPTERS, SCHEDULE
from .page import png, render


class Studio:
    """What the chapters share: the images, the seed, the counts of samples and steps, and a progress bar over steps."""

    def __init__(self, seed, quick, train=False):
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

    def noise(self, like, count):
        """The first `count` start noises of images like these; a longer list begins with the shorter one."""
        return process.unit_noise((count, *like.shape[1:]), self.seed)

    def walk(self, machine, noise):
        """All steps of the way back by DDIM from these noises."""
        walked = []
        for step in process.ddim(machine, SCHEDULE, noise=noise, steps=self.steps):
            walked.append(step)
            self.bar.update()
        return walked


def tour(out, seed=0, quick=False, train=False):
    """Write the chapters' figures, numbers.json and index.html to folder `out`; returns the page's path.

    Parameters
    ----------
    out : path of an existing folder
    seed : int
        Of all noises and of the photograph's crops.
    quick : bool
        Fewer images, samples and steps.
    train : bool
        Train the networks of the chapter on prediction now, instead of taking the shipped weights.
    """
    out = Path(out)
    studio = Studio(seed, quick, train)
    chapters, pictures, numbers = [], {}, {"seed": seed, "quick": quick, "steps": studio.steps}
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
    files.write_text(page, render("Where does creativity come from?", LEAD, chapters, pictures, FOOT))
    return page


LEAD = (
    "A diffusion model noises images and learns to walk back. The best possible denoiser of a training set can only recite "
    "it. So why do real models create? Because they see less. Everything below was computed just now, on real images; until "
    "the last two chapters nothing is trained."
)
FOOT = (
    "The theory is Kamb and Ganguli's (An analytic theory of creativity in convolutional diffusion models, arXiv 2412.20292). "
    "Digits: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, CC BY 4.0. Photograph: Grace Hopper, "
    "public domain, as matplotlib ships it. All numbers are in numbers.json."
)
