"""The command line: minidiff tour | explore | sample | train | compare | copied | check | course | bench | info."""

import argparse
from typing import NoReturn

from .. import arguments, datasets, machines, nets, parallel, schedules
from ..machines.windows import BOUNDARIES
from . import commands, compiling, copying, main, sampling

__all__ = ["compiling", "main", "parser", "run"]  # scripts of older installations look for main here

EXPERIMENTS = (
    "agreement: a trained network beside the machines; ceiling: beside other networks only; "
    "training: a new one's agreement with ELS as its training goes on; "
    "attention: networks with and without it on colour_patterns; limbs: the same, counting limbs on creatures; "
    "field: a trained network beside every machine there is; sensitivity: which pixels count in one pixel of its answer; "
    "memory: where it ends; windows: k(t) from the data alone (agreement)"
)
MACHINES = f"the denoiser: {', '.join(machines.NAMES)}, or a file of your own such as mine.py"
SAMPLERS = ("ddim", "euler", "heun", "sde")


class _Parser(argparse.ArgumentParser):
    """argparse, but with one line for an error."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _window(text):
    try:
        sides = [int(side) for side in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected odd numbers such as 5 or 3,5,9, got {text!r}") from None
    return sides[0] if len(sides) == 1 else sides


def _machine(text):
    if not text.endswith(".py") and text not in machines.NAMES:
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(machines.NAMES)}, or a path such as mine.py, got {text!r}")
    return text


def parser() -> argparse.ArgumentParser:
    """The argument parser of all commands."""
    top = _Parser(prog="minidiff", description="Why diffusion models create.")
    sub = top.add_subparsers(dest="command", required=True, parser_class=_Parser)
    tour = _command(sub, commands.tour, "minidiff-tour", "The whole story: figures, numbers and one page to read.")
    networks = "train the networks of the chapter on prediction now (minutes) instead of loading them"
    tour.add_argument("--train", action="store_true", help=networks)
    _explore(_command(sub, commands.explore, "minidiff-explore", "A page to play with: where does each pixel come from?"))
    bench = _command(sub, commands.bench, "minidiff-bench", "How fast the machines are on this computer, as a table and a .json.")
    bench.add_argument("--machine", type=_machine, help=f"this one only; {MACHINES}")
    other = bench.add_mutually_exclusive_group()
    other.add_argument("--peers", action="store_true", help="beside NumPy, and beside PyTorch and scikit-learn where installed")
    other.add_argument("--first", action="store_true", help="the first call of each machine and of training, cold and cached")
    info = _command(sub, commands.info, None, "Versions, threads and where compiled code is kept.")
    info.add_argument("--clear-cache", action="store_true", help="delete all compiled kernels; they are compiled anew when used")
    check = _command(sub, commands.check, None, "Check an exercise of tutorials/exercises: what is done, and what is wrong.")
    check.add_argument("file", help="your copy of an exercise, such as 04_anywhere.py or .ipynb, or a folder of them")
    check.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="time for each gap (60)")
    check.add_argument("--json", action="store_true", help="print one .json record of each file, with points and hints")
    check.add_argument("--hidden", metavar="DIR", help="a folder of your own questions, as .py files with QUESTIONS")
    check.add_argument("--draw", type=int, metavar="SEED", help="ask more questions, drawn at random for each student")
    course = _command(sub, commands.course, None, "A copy of the course for students: without solutions and without answers.")
    course.add_argument("--students", required=True, metavar="FOLDER", help="a new or empty folder for the copy")
    course.add_argument("--answers", action="store_true", help="keep the folded answers of the tutorials")
    _sample(_command(sub, sampling.sample, "minidiff-sample", "Sample from any machine on any images."))
    _train(_command(sub, commands.train, "minidiff-train", "Train the hand-coded network on any images."))
    _compare(_command(sub, commands.compare, "minidiff-compare", "A trained network beside the machines that predict it."))
    _copied(
        _command(sub, copying.copied, "minidiff-copied", "Did a model copy its training images? Numbers, and a page of pairs.")
    )
    return top


def _command(commands_, run, out, text):
    sub = commands_.add_parser(run.__name__, help=text, description=text)
    sub.set_defaults(run=run)
    sub.add_argument("--out", default=out, help=f"output folder ({out or 'none: only print'})")
    sub.add_argument("--seed", type=int, default=0, help="seed of all that is random (0)")
    sub.add_argument("--quick", action="store_true", help="fewer samples, images and steps, to try things out")
    sub.add_argument("--threads", type=int, help="threads to use (all cores)")
    return sub


def _data(sub, default, size="16 for a named set, a path's own for a path", count="all"):
    sub.add_argument("--data", default=default, help=f"{', '.join(datasets.NAMES)}, or a path ({default or 'as trained'})")
    sub.add_argument("--size", type=int, help=f"side of the images ({size})")
    sub.add_argument("--count", type=int, help=f"use so many training images, chosen by the data seed ({count})")
    sub.add_argument("--data-seed", type=int, default=0, help="seed of made and chosen training images (0)")
    sub.add_argument("--colour", action="store_true", help="three channels, also for grey images")


def _explore(sub):
    _data(sub, "digits", size="16, and 32 at most", count="300, or all if there are fewer")


def _sample(sub):
    _data(sub, "digits")
    sub.add_argument("--machine", type=_machine, default="els", help=f"{MACHINES} (els)")
    sub.add_argument("--label", help="only training images of this class, such as 7 or cat")
    sub.add_argument("--window", type=_window, help="5, or 3,5,9 from least to most noise (the data set's own table)")
    sub.add_argument("--boundary", choices=BOUNDARIES, default="zeros", help="what windows see past the border (zeros)")
    sub.add_argument("--strength", type=float, default=1.0, help="attention: how much pixels hear from each other, g (1)")
    sub.add_argument("--schedule", choices=schedules.NAMES, default="cosine", help="the noise schedule (cosine)")
    sub.add_argument("--sampler", choices=SAMPLERS, default="ddim", help="how to walk back (ddim)")
    sub.add_argument("--eta", type=float, default=0.0, help="ddim: share of fresh noise, 0 to 1 (0)")
    sub.add_argument("-n", type=int, default=16, help="number of samples (16)")
    sub.add_argument("--steps", type=int, default=20, help="denoiser calls a sample (20)")
    sub.add_argument("--gif", action="store_true", help="also write the walk back as a .gif")
    sub.add_argument(
        "--resume", action="store_true", help="go on with the interrupted run in --out (kept once a minute), to the same samples"
    )


def _train(sub):
    _data(sub, "digits")
    sub.add_argument(
        "--half", type=int, choices=(1, 2), help="learn only every second image, from the first or the second on (all)"
    )
    sub.add_argument("--padding", choices=BOUNDARIES, default="zeros", help="of the convolutions (zeros)")
    sub.add_argument("--prediction", choices=nets.PREDICTIONS, default="v", help="what the last layer gives (v)")
    sub.add_argument("--attention", choices=("none", *nets.ATTENTIONS), default="none", help="a last attention layer (none)")
    sub.add_argument("--width", type=int, default=32, help="channels inside (32)")
    sub.add_argument("--depth", type=int, default=5, help="residual convolutions (5)")
    sub.add_argument("--labelled", action="store_true", help="teach the classes too")
    sub.add_argument("--schedule", choices=schedules.NAMES, default="cosine", help="the noise schedule (cosine)")
    sub.add_argument("--steps", type=int, default=3000, help="training steps (3000)")
    sub.add_argument("--batch", type=int, default=64, help="images a step (64)")
    sub.add_argument("--rate", type=float, default=2e-3, help="Adam's greatest learning rate (0.002)")
    sub.add_argument(
        "--resume", action="store_true", help="go on from the checkpoint in --out, written once a minute; --steps may be more"
    )


def _compare(sub):
    _data(sub, None)
    names = ", ".join(nets.names())
    sub.add_argument("--network", default="digits-zeros", help=f"{names}, or a path to weights.npz (digits-zeros)")
    experiments = ("agreement", "ceiling", "training", "attention", "limbs", "field", "sensitivity", "memory", "windows")
    sub.add_argument("--experiment", choices=experiments, default="agreement", help=EXPERIMENTS)
    sub.add_argument("--seeds", type=int, help="training seeds (attention: 5, limbs: 3)")
    beside = "other networks, such as of other training seeds: how well could a machine predict? (none)"
    sub.add_argument("--beside", nargs="+", default=[], metavar="WEIGHTS", help=beside)
    sub.add_argument("--part", help="memory, windows: only this part, such as network-100-0 or glyphs-entropy (all of them)")
    sub.add_argument("--window", type=_window, help="of ELS and LS (calibrated against the network)")
    sub.add_argument("--rows", metavar="NAMES", help="field: only these machines, such as 'LS; ELS' (all)")
    sub.add_argument("--collect", metavar="DIR", help="field: one table of the runs in folders of DIR, and nothing else")
    sub.add_argument("--annotate", metavar="FILE", help="write the weights again, with windows and agreement in their notes")
    sub.add_argument("-n", type=int, default=100, help="number of noises (100)")
    sub.add_argument("--steps", type=int, default=20, help="denoiser calls a sample (20)")


def _shifts(text):
    if text == "all":
        return text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a whole number of pixels or all, got {text!r}") from None


def _copied(sub):
    kinds = "a folder, an .npy, .npz, IDX or CIFAR-10 file, or a named set"
    sub.add_argument("--samples", required=True, help=f"what the model made: {kinds}, or what `minidiff sample` wrote")
    sub.add_argument("--data", required=True, help=f"what it was trained on: {kinds}")
    sub.add_argument("--held-out", help=f"images of the same kind that it was not trained on: {kinds}")
    sub.add_argument("--size", type=int, help="side of all images (16 for a named set, a path's own for a path)")
    sub.add_argument("--count", type=int, help="use so many training images, chosen by the data seed (all)")
    sub.add_argument(
        "--data-seed", type=int, default=0, help="seed of made and chosen images; samples and held-out take the next two (0)"
    )
    sub.add_argument("--colour", action="store_true", help="three channels, also for grey images")
    sub.add_argument("-n", type=int, help="use so many samples, the first ones (all)")
    sub.add_argument("--shifts", type=_shifts, default=4, help="how many pixels a training image may be rolled, or all (4)")
    yes_or_no = argparse.BooleanOptionalAction
    sub.add_argument("--mirror", action=yes_or_no, default=True, help="whether it may be mirrored, left to right (yes)")
    sub.add_argument("--grey", action=yes_or_no, default=True, help="whether one number may be added to all its pixels (yes)")
    sub.add_argument("--candidates", type=int, default=50, help="training images that are looked at closely (50)")
    sub.add_argument("--level", type=float, default=0.05, help="with --held-out: the level of the rank test (0.05)")
    sub.add_argument("--mosaic", type=int, default=4, help="explain so many of the most suspicious window by window (4)")
    sub.add_argument("--window", type=int, help="the side of these windows (a quarter of the image's)")
    sub.add_argument("--json", action="store_true", help="print one .json record and nothing else")


def run(options: argparse.Namespace) -> int:
    """Run the command that the options name; returns its exit code."""
    arguments.whole_number("--seed", options.seed, 0)
    parallel.set_threads(options.threads)
    return options.run(options) or 0
