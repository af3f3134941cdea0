"""Exercise 09: a judge that counts limbs, and how far its counts can be trusted. Its gaps and the common mistakes."""

from typing import Any

import numpy as np

from ..datasets import creatures
from ..types import Array
from .marking import Exercise, gap
from .slips import slips


def art(*rows: str) -> Array:
    """A mask (H, W) from rows of text, in which # is True."""
    return np.array([[letter == "#" for letter in row] for row in rows])


# --- the pieces ---------------------------------------------------------------------------------------------------------


def pieces(mask: Array) -> Array:
    """The number of each pixel's piece, from 1 in reading order, and 0 where the mask is False: (H, W) ints."""
    found, count, (height, width) = np.zeros(mask.shape, int), 0, mask.shape
    for start in np.ndindex(height, width):
        if mask[start] and not found[start]:
            count += 1
            ahead = [start]
            while ahead:
                row, column = ahead.pop()
                if 0 <= row < height and 0 <= column < width and mask[row, column] and not found[row, column]:
                    found[row, column] = count
                    ahead += [(row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)]
    return found


STAIRS = art("##..#", "#...#", "..##.", ".##..", "....#")
RING = art(".###.", ".#.#.", ".###.", "#...#")
HOOK = art("#.#.", "#.#.", "###.", "...#")
PIECES = gap(
    pieces,
    (art("#.#"),),
    (art("##", ".#"),),
    (STAIRS,),
    (RING,),
    (HOOK,),
    (np.zeros((2, 3), bool),),
    slips=slips("""
        (row, column - 1)] -> (row, column - 1), *((row + i, column + j) for i in (-1, 1) for j in (-1, 1))]
            # You join pixels that touch only at a corner. Pixels of one piece share a side.
        [(row + 1, column), (row - 1, column), -> [
            # You join pixels of one row only. A piece goes on in the rows above and below.
        [(row + 1, column), (row - 1, column), -> [(row + 1, column),
            # You never look at the row above, so a hook whose arms meet below is two pieces. Look at all four neighbours.
        return mask * 1
        found[row, column] = count -> found[row, column] = 1  # All pieces have the number 1. Count on with each new piece.
        count += 1 -> count += mask[start]; return found -> return np.where(found > 0, found - 1, 0)
            # You count from 0, so the first piece cannot be told from the background. Count from 1.
        return np.where(mask, pieces(mask.T).T, 0)
            # You count column by column. The pieces are numbered in reading order, row by row.
        np.ndindex(height, width) -> [(height - 1 - i, width - 1 - j) for i, j in np.ndindex(height, width)]
            # You count from the last pixel on. The pieces are numbered from the first one.
        mask = ~mask  # These are the pieces of the background. Number those of the mask.
        row, column = ahead.pop() -> row, column = (place % side for place, side in zip(ahead.pop(), mask.shape))
            # Your pieces go on beyond the border, on the other side. The image ends there.
    """),
)


# --- the body, and the limbs --------------------------------------------------------------------------------------------


def opened(mask: Array, k: int) -> Array:
    """Where a k x k square that fits into the mask covers it, (H, W)."""
    covered = np.zeros(mask.shape, bool)
    for row, column in np.ndindex(mask.shape[0] - k + 1, mask.shape[1] - k + 1):
        if mask[row : row + k, column : column + k].all():
            covered[row : row + k, column : column + k] = True
    return covered


BODY = art("..#....", ".####..", ".####.#", ".####..", "...#...")
TWO = art("##...", "##.##", "...##", ".#...")
OPENED = gap(
    opened,
    (np.ones((2, 2), bool), 2),
    (BODY, 3),
    (TWO, 2),
    (art("####", "####", "####", "####"), 3),
    (BODY, 1),
    slips=slips("""
        covered[row : row + k, column : column + k] = True -> covered[row, column] = True
            # You mark where squares begin. Mark all that they cover.
        covered[row : row + k, column : column + k] = True -> covered[row + k // 2, column + k // 2] = True
            # You mark the middles of the squares (an erosion). Mark all that they cover.
        .all() -> .any()  # One pixel is enough for your squares (a dilation). All pixels of a square must be in the mask.
        mask.shape[0] - k + 1, mask.shape[1] - k + 1 -> mask.shape[0] - k, mask.shape[1] - k
            # The last row and column of squares are missing: there are H - k + 1 places for a square.
        k = 3  # Your square is always 3 x 3. Its side is k.
        return covered -> return mask & ~covered  # These are the pixels that no square covers. Return those that one covers.
        covered[row : row + k, column : column + k] = True -> covered[row : row + k, column : column + k] ^= True
            # Pixels that two squares cover are taken out again. A pixel that any square covers stays.
        .all() -> .mean() > 0.5  # Most of a square is enough for you. All of its pixels must be in the mask.
    """),
)


def limbs(white: Array) -> int:
    """The number of pieces of more than one pixel that are left when the body is taken away."""
    numbers = pieces(white & ~opened(white, 3))
    return int((np.bincount(numbers.ravel())[1:] > 1).sum())


FIGURE = art("..##..##....", "..##..##..#.", "..########..", "..########..", "..########..", "....##....#.", "....##....#.")
LIMBS = gap(
    limbs,
    (art("#..", "#..", "###", "###", "###", "..#", "..#"),),
    (FIGURE,),
    (art("###.", "###.", "###.", "...#"),),
    (art("###..##", "###..##", "###..##", "#......", "#..#..."),),
    (np.zeros((3, 3), bool),),
    slips=slips("""
        > 1).sum() -> > 0).sum()  # You count crumbs of one pixel, too. A limb has more than one pixel.
        return int((np.bincount(pieces(white).ravel())[1:] > 1).sum())
            # You did not take the body away, so everything that hangs together is one.
        return int((np.bincount(pieces(opened(white, 3)).ravel())[1:] > 1).sum())
            # You count bodies. Count what is left without them.
        white & ~opened(white, 3) -> white & ~opened(white, 2)
            # Limbs are 2 pixels wide, so a 2 x 2 square fits into them too. Use a square of 3.
        np.bincount(numbers.ravel())[1:] -> np.bincount(numbers.ravel())
        > 1).sum() -> > 1).sum() + 1
            # You count one too many: the number 0 is the background, and no limb.
        return int((white & ~opened(white, 3)).sum())  # You count pixels. Count the pieces that they form.
    """),
)


# --- how far to trust it ------------------------------------------------------------------------------------------------


def interval(count: int, of: int, z: float) -> tuple[float, float]:
    """Wilson's interval: the shares p with |count / of - p| <= z sqrt(p (1 - p) / of)."""
    share, unit = count / of, z * z / of
    half = np.sqrt(unit * share * (1 - share) + unit * unit / 4)
    return (share + unit / 2 - half) / (1 + unit), (share + unit / 2 + half) / (1 + unit)


INTERVAL = gap(
    interval,
    (5, 10, 1.96),
    (0, 12, 1.96),
    (24, 24, 1.96),
    (1, 12, 1.96),
    (7, 24, 2.5),
    parts=("low", "high"),
    slips=slips("""
        p = count / of; half = z * np.sqrt(p * (1 - p) / of); return p - half, p + half
            # You put the measured share into sqrt(p (1 - p) / n), so 0 of 12 has an interval of no width. The p in the root is
            # the unknown share: square both sides and solve for it.
        p = count / of; half = z * np.sqrt(p * (1 - p) / of); return max(p - half, 0), min(p + half, 1)
            # You put the measured share into the root, and cut the ends off. The p in the root is the unknown share: square both
            # sides and solve for it.
        z * z / of -> z / of  # z is not squared: squaring both sides gives z^2 p (1 - p) / n.
        unit * unit / 4 -> unit / 4  # The last term in the root is too large: it is (z^2 / n)^2 / 4.
        half = np.sqrt(unit * share * (1 - share) + unit * unit / 4) -> half = unit * share * (1 - share) + unit * unit / 4
            # A root is missing in the solution of the quadratic equation.
        - half) / (1 + unit) -> - half); + half) / (1 + unit) -> + half)
            # The division by the leading coefficient, 1 + z^2 / n, is missing.
        (share + unit / 2 - half) -> (share - half); (share + unit / 2 + half) -> (share + half)
            # The middle is not shifted: the linear term of the equation is -(2 share + z^2 / n) p.
        share, unit = count / of, z * z / of -> share, unit = count, z * z
            # You solve for the number, not for the share: divide the count by n, and the variance too.
    """),
)


def true_share(called: float, alarm: float, miss: float) -> float:
    """The share that is right, where a judge calls a share `called` right."""
    return (called - alarm) / (1 - miss - alarm)


SHARE = gap(
    true_share,
    (0.5, 0.1, 0.2),
    (0.02, 0.02, 0.05),
    (0.7, 0.0, 0.3),
    (0.6, 0.25, 0.0),
    slips=slips("""
        return called  # You believe the judge. It calls some right that are not, and misses some that are.
        return called - alarm
            # You subtract all alarms. They come from the wrong images only, a share 1 - p, and right ones are missed, too.
        return called - alarm + miss
            # You correct as if all images were wrong, and all right, at once. Alarms come from the share 1 - p, misses from p.
        return called * (1 - miss) + (1 - called) * alarm
            # This goes the other way: it is what the judge would call right if `called` were the truth. Solve it for p.
        (1 - miss - alarm) -> (1 - miss)  # Alarms come only from the wrong images: solve called = p (1 - miss) + (1 - p) alarm.
        return called / (1 - miss)  # You forgot the alarms, among the share 1 - p that is wrong.
        (1 - miss - alarm) -> (1 - miss + alarm)  # A sign is wrong: p (1 - miss) + (1 - p) alarm = p (1 - miss - alarm) + alarm.
        (called - alarm) -> (called + alarm)  # A sign is wrong: the alarms are part of what is called right. Subtract them.
        alarm, miss = miss, alarm  # `alarm` and `miss` are swapped.
    """),
)


# --- all of it ----------------------------------------------------------------------------------------------------------


def _together(names: dict[str, Any]) -> tuple[bool, str]:
    """Count the limbs of figures whose number is known, and give the share that is right with its interval."""
    images, told = creatures(24, limbs=[3, 4, 5], rng=0)
    found = np.array([names["limbs"](image[..., 0] > 0) for image in images])
    right = int((found == told).sum())
    low, high = names["interval"](right, len(told), 1.96)
    words = f"your judge counts {right} of {len(told)} figures rightly: a share from {low:.2f} to {high:.2f}"
    return bool(right == len(told) and high > 1 - 1e-9 and low > 0.8), words


EXERCISE = Exercise("09", "extra fingers", (PIECES, OPENED, LIMBS, INTERVAL, SHARE), _together)
