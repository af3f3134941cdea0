"""k(t) from the data alone: each rule on data whose answer is known, and what the command keeps."""

import numpy as np
import pytest
from command_line import strictly
from strategies import training_set

import minidiff as md
from minidiff.studies import memory, predicting

COSINE = md.schedules.cosine()


def test_independent_pixels_hear_themselves_and_equal_ones_hear_all():
    """Of independent pixels a window of one holds all energy; of images of one colour it holds its share of the pixels."""
    free = np.array(np.meshgrid(*[[-1.0, 1.0]] * 9)).reshape(9, -1).T.reshape(-1, 3, 3, 1)
    np.testing.assert_allclose(predicting.row_energy(free, COSINE, 0.5, [1, 3]), [1, 1], rtol=1e-12)
    flat = np.ones((2, 5, 5, 1)) * np.array([-1.0, 1.0]).reshape(2, 1, 1, 1)
    # On an axis of 5 places a window of 3 holds 2 + 3 + 3 + 3 + 2 of the 25 pairs.
    np.testing.assert_allclose(predicting.row_energy(flat, COSINE, 0.5, [1, 3, 9]), [1 / 25, (13 / 25) ** 2, 1], rtol=1e-12)
    assert predicting.from_rows(flat, COSINE, [0.2, 0.8], [1, 3, 9]) == [9, 9]
    assert predicting.from_rows(free, COSINE, [0.2, 0.8], [1, 3]) == [1, 1]


def test_the_entropy_s_window_is_the_largest_that_leaves_two_candidates():
    """Each entry has a mean entropy of log 2 or more, and the next larger window has less; the smallest serves where none has."""
    images, times, windows = training_set(0, (8, 7, 7, 1)), [0.05, 0.5, 0.7, 1.0], [1, 3, 5]
    found = predicting.from_entropy(images, COSINE, times, windows, "zeros", 3)
    clean = images[[0, 3, 7]]
    eps = md.process.unit_noise(clean.shape, 1)
    for t, k in zip(times, found, strict=True):
        x = md.process.add_noise(clean, t, COSINE, eps=eps)
        machines = [md.EquivariantLocalScore(images, COSINE, window=side, boundary="zeros") for side in windows]
        enough = [memory.entropy(machine, x, t).mean() >= np.log(2) for machine in machines]
        assert k == max([side for side, fine in zip(windows, enough, strict=True) if fine], default=1)
    assert len(set(found)) > 1


def test_what_is_lost_is_lost_noise_by_noise():
    """The loss is the median of differences, which is not the difference of medians; nothing is lost by the calibrated table."""
    found = {"glyphs-calibrated": {"table": [3], "r": [0.9, 0.5, 0.1]}, "glyphs-wiener": {"table": [5], "r": [0.0, 0.5, 0.4]}}
    rows = predicting.lost(found)
    assert rows["glyphs-calibrated"]["lost"]["median"] == 0 == rows["glyphs-wiener"]["lost"]["median"]
    assert rows["glyphs-wiener"]["r"]["median"] == 0.4


@pytest.mark.slow
@pytest.mark.compiled
def test_the_windows_experiment_from_the_command_line(tmp_path, run):
    """--quick scores each choice for each set, and the calibrated tables are those of the shipped networks."""
    assert run("compare", "--experiment", "windows", "--quick", "--out", tmp_path)[0] == 0
    told = strictly(tmp_path / "numbers.json")["windows"]
    assert len(told) == len(predicting.PAIRS)
    assert told["photo-calibrated"]["table"] == md.nets.load("photo-zeros").notes["windows"]["ELS"]
