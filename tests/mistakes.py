"""Wrong answers to the exercises, each a small edit of the model solution: natural mistakes, and some that are no known slip.

A table has a line `number gap` for each function, and below it a mistake a line: `old => new  # words`. In the body of the model
solution every `old` becomes `new`; edits that are made together are separated by ` ;; `, and `=> new` is a whole body. `words`
must be in the hint. A mistake may go on in lines that are indented further; a `|` at the start of one begins a new line of code.
"""

import ast
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

from minidiff.coursework import marking, reading

FOLDER = Path(__file__).parent.parent / "tutorials" / "exercises"
BEGIN = "    # YOUR CODE\n"


class Mistake(NamedTuple):
    """A wrong answer for a gap of an exercise: its edits, and words that its hint must hold."""

    number: str
    gap: str
    edits: str
    words: str


def read(table):
    """The Mistakes of a table."""
    found, number, gap = [], "", ""
    for line in table.strip().replace("\n        | ", "\\n").replace("\n        ", " ").splitlines():
        if "=>" not in line:
            number, gap = line.split()
            continue
        edits, _, words = line.strip().rpartition("  # ")
        found.append(Mistake(number, gap, edits, words))
    return found


@cache
def without_laws(number):
    """The gaps of an exercise by name, without their laws."""
    return {gap.name: replace(gap, law=lambda function, brief: "") for gap in reading.exercise(number).gaps}


def hint(mistake):
    """The hint that a student gets who makes this mistake in one gap, all other gaps being right; laws are not tried."""
    path = next((FOLDER / "solutions").glob(f"{mistake.number}_*.py"))
    text = path.read_text(encoding="utf-8")
    node = next(one for one in ast.parse(text).body if isinstance(one, ast.FunctionDef) and one.name == mistake.gap)
    whole = ast.get_source_segment(text, node)
    head, body = whole.split(BEGIN)
    for edit in mistake.edits.split(" ;; "):
        old, new = (part.strip().replace("\\n", "\n    ") for part in edit.split("=>"))
        assert old in body, f"{mistake}: {old!r} is not in the solution"
        body = body.replace(old, new) if old else f"    {new}"
    work = reading.Work(reading.Source(path, mistake.number, {"": text.replace(whole, head + body)}))
    gaps = without_laws(mistake.number)
    with work.standing_in({name: gap.model for name, gap in gaps.items() if name != mistake.gap}):
        mark = marking.judged(gaps[mistake.gap], work.names[mistake.gap], work.said)
    return mark.hint if mark.state == marking.WRONG else mark.state


NATURAL = read("""
01 levels
    1 / length, ratio / length => 1 / length, ratio  # Both must be
    1 / length, ratio / length => ratio / length, 1 / length  # another order
    np.hypot(1.0, ratio) => 1 + ratio  # a and s sum to 1
    np.hypot(1.0, ratio) => 1 + ratio**2  # root is missing
    np.hypot(1.0, ratio) => np.sqrt(1 + ratio**2)  # square of 1e200
01 time_of
    < wanted => > wanted  # wrong half
    1e-12 => 0.001  # halve too seldom
    return (low + high) / 2 => return f((low + high) / 2)  # Return the time itself
01 step
    then[1] * eps_hat => then[0] * eps_hat  # level a of then
    now[0] * x0_hat) / now[1] => then[0] * x0_hat) / then[1]  # levels of then
    (x - now[0] * x0_hat) / now[1] => x - now[0] * x0_hat  # division by s is missing
    then[1] * eps_hat => now[1] * eps_hat  # keeps its old level
    then[0] * x0_hat + => x0_hat +  # has no factor
    (x - now[0] * x0_hat) => (x - x0_hat)  # factor a is missing
01 walk
    levels[0][1] * noise => noise  # first noise level
    denoiser(x, now[0], now[1]) => denoiser(x, then[0], then[1])  # where the step ends
    return x => return denoiser(x, *levels[0])  # where the walk has ended
01 order
    -slope => slope  # sign is wrong
    np.log(counts), np.log(errors), 1 => np.log(errors), np.log(counts), 1  # axes are swapped
    np.log(counts), np.log(errors), 1 => counts, errors, 1  # logarithms of both
    slope, _ => _, slope  # log(counts) = 0
    => return np.log(errors[0] / errors[-1]) / np.log(counts[-1] / counts[0])  # only the first and the last
02 views
    a * eps_hat - s * x0_hat => eps_hat - x0_hat  # velocity of the flow
    -eps_hat / s, => -(x - x0_hat) / s**2,  # forgot the factor a
    (x - a * x0_hat) / s => x / s - a * x0_hat  # Only x is divided by s
    (x - a * x0_hat) / s => x - a * x0_hat / s  # Only x0_hat is divided by s
    (x - a * x0_hat) / s => (x - a * x0_hat) / s**2  # eps_hat is divided by s only once
    (x - a * x0_hat) / s => (x - a * x0_hat) / np.sqrt(1 - a**2)  # assume a^2 + s^2 = 1
    (x - a * x0_hat) / s => x / a - x0_hat  # x / a - x0_hat is (s / a) eps
    -eps_hat / s, => -eps_hat / s**2,  # three times
    -eps_hat / s, a * eps_hat - s * x0_hat => a * eps_hat - s * x0_hat, -eps_hat / s  # another order
    -eps_hat / s, => (x0_hat - x) / s**2,  # forgot the factor a
    a * eps_hat - s * x0_hat => a * x0_hat - s * eps_hat  # The two terms are swapped
    a * eps_hat - s * x0_hat => (a * eps_hat - s * x0_hat) / (a**2 + s**2)  # is not divided by anything
02 x0_from_score
    (x + s**2 * score) / a => x + s**2 * score / a  # Only the score's term
    (x + s**2 * score) / a => x / a + s**2 * score  # Only x is divided by a
    (x + s**2 * score) / a => (x + s * score) / a  # multiplied by s^2
    (x + s**2 * score) / a => (x - s**2 * score) / a  # sign is wrong
    (x + s**2 * score) / a => (x + (1 - a**2) * score) / a  # assume a^2 + s^2 = 1
02 x0_from_v
    (a * x - s * v) / (a**2 + s**2) => (x - s * v) / (a**2 + s**2)  # factor a is missing
    (a * x - s * v) / (a**2 + s**2) => a * x - s * v  # only if a^2 + s^2 = 1
    (a * x - s * v) / (a**2 + s**2) => (x - s * v) / a  # for a noise estimate
    (a * x - s * v) / (a**2 + s**2) => (a * x - s * v) / a**2 + s**2  # brackets
    (a**2 + s**2) => (a + s) ** 2  # square of the sum
    (a**2 + s**2) => a**2  # divide by a^2
02 log_sum_exp
    logits.max => logits.mean  # the mean of the logits
    => return np.log(np.exp(logits).sum(axis=-1))  # exp(-1000) is 0
    => return np.log(np.exp(logits).sum(axis=-1) + 1e-300)  # tiny number
    logits - largest => logits  # do not subtract
    largest[..., 0] + =>   # Add it again
    axis=-1 => axis=0 ;; [..., 0] => [0]  # first axis
    axis=-1, keepdims=True => axis=-1 ;; largest[..., 0] => largest  # keepdims
    logits.max(axis=-1, keepdims=True) => logits.max() ;; largest[..., 0] => largest  # share one maximum
02 ideal
    -distances / (2 * s**2) => -distances / (2 * (s / a) ** 2)  # 2 (s / a)^2
    / (2 * s**2) => / 2 * s**2  # Write brackets
    x - a * images => x / a - images  # noise in x / a is (s / a) eps
    -distances => distances  # minus sign
    images, axes=1 => a * images, axes=1  # answer is a x0_hat
    s**2 => (1 - a**2)  # assume a^2 + s^2 = 1
03 window_at
    np.arange(k) - k // 2 => np.arange(3) - 1  # always 3 x 3
    (row + around)[:, None] % height, (column + around) % width => (row + around) % height, (column + around) % width  # diagonal
    % height => % HEIGHT ;; % width => % height ;; % HEIGHT => % width  # H and W are swapped
    + around => - around  # turned by 180 degrees
    % height => ;; % width =>   # modulo
    row => ROW ;; column => row ;; ROW => column  # Row and column of the pixel are swapped
03 distances
    a * window_at => a**2 * window_at  # a twice
    ** 2).sum() for => ** 2).sum() / k**2 for  # number of pixels
    seen - a * window_at => seen / a - window_at  # divide x by a
    return np.array([ => return np.sum([  # one number for all
    => return ((x[row, column] - a * images[:, row, column]) ** 2).sum(axis=1)  # only the pixel in the middle
    ** 2).sum() => ** 2).mean()  # mean of the squares
    window_at(y, row, column, k) => window_at(y, column, row, k)  # swapped in the training images' windows
03 weights
    distances.min() => distances.mean()  # the mean distance
    w / w.sum() => w / np.sqrt((w**2).sum())  # sum of squares
    (2 * s**2) => 2 * s**2  # Write brackets
    w.sum() => w.max()  # do not sum to 1
    w.sum() => len(w)  # divided by their number
    distances.min() => distances.max()  # subtract the largest distance
    w / w.sum() => w  # do not sum to 1
03 local
    weights(distances(x, images, row, column, k, a), s)
        => weights(distances(x, images, row, column, k, a), s**2)  # s is squared twice
    images[:, row, column] => images[:, column, row]  # of another pixel
    => return np.tensordot(weights(((x - a * images) ** 2).sum(axis=(1, 2, 3)), s), images, axes=1)  # compare whole images
    row, column, k, a => row, column, 3, a  # always 3
04 dictionary
    window_at(y, row, column, k) => window_at(y, column, row, k)  # Row and column are swapped
    .ravel() =>   # not flattened
    in range(height) => in range(k // 2, height - k // 2) ;; in range(width)
        => in range(k // 2, width - k // 2)  # near the border are missing
    images.reshape(-1, channels) => images.ravel()  # (M, C)
    for row in range(height) for column in range(width) => for column in range(width) for row in range(height)  # outer one
04 posterior
    / (2 * s**2) => / 2 * s**2  # Write brackets
    axis=1 => axis=0  # sum over the candidates
    window - a * patches => window / a - patches  # noise in x / a is (s / a) eps
    w / w.sum() => w / w.max()  # do not sum to 1
    s**2 => (1 - a**2)  # assume a^2 + s^2 = 1
04 els
    window_at(x, row, column, k) => window_at(x, column, row, k)  # the window of x at (column, row)
    dictionary(images, k) => dictionary(x[None], k)  # x itself
    @ centres => @ (a * centres)  # answer is a x0_hat
    dictionary(images, k) => dictionary(images, 3) ;; column, k => column, 3  # always 3
    x0_hat[row, column] = => x0_hat[...] =  # written into the whole image
04 equivariance_gap
    .max() => .sum()  # sum of the differences
    np.abs(shifted_first - shifted_last) => ((shifted_first - shifted_last) ** 2)  # squared
    (down, right) => (right, down)  # down and right are swapped
    np.roll(f(x), (down, right), axis=(0, 1)) => np.roll(f(x), (-down, -right), axis=(0, 1))  # other direction
05 known_index
    index - d < 0 or => index - d < 0 and  # write `or`
    return index if => return True if  # Return the index itself
    else -1 => else 0  # -1 there
    d = k // 2 => d = 1  # always 1
    side - 1 => side  # last index is side - 1
05 may_explain
    known_index(u[axis], shape[axis], k) => known_index(u[1 - axis], shape[axis], k)  # crosswise
    shape[axis] => shape[0]  # serves both axes
    return all => return any  # One axis is enough
05 window_at
    (d, d), (d, d), => (k, k), (k, k),  # k zeros on each side
    row : row + k, column : column + k => row - d : row + d + 1, column - d : column + d + 1  # twice
    (0, 0))) => (0, 0)), mode="reflect")  # mirror image
    (0, 0))) => (0, 0)), mode="wrap")  # no torus
05 els_zeros
    if may_explain(p, u, x.shape[:2], k) => if not may_explain(p, u, x.shape[:2], k)  # the reverse
    may_explain(p, u, x.shape[:2], k) => may_explain(p, u, x.shape[1::-1], k)  # Height and width are swapped
    - a * candidates => - candidates  # forgot the factor a
    / (2 * s**2) => / 2 * s**2  # Write brackets
    => x0_hat, places = np.empty(x.shape), list(np.ndindex(x.shape[:2]))
        | patches = np.concatenate([[window_at(y, *u, k) for y in images] for u in places])
        | values = np.concatenate([images[:, *u] for u in places])
        | for p in places:
        |     w = softmax(-((window_at(x, *p, k) - a * patches) ** 2).sum(axis=(1, 2, 3)) / (2 * s**2))
        |     may = np.repeat([may_explain(p, u, x.shape[:2], k) for u in places], len(images))
        |     x0_hat[p] = (w * may) @ values
        | return x0_hat  # after the softmax
06 conv
    @ weight[i, j] => * weight[i, j]  # number by number
    return sum(shifted(x, i, j, k) @ weight[i, j] for i in range(k) for j in range(k)) => for i, j in np.ndindex(k, k):
        |     out = shifted(x, i, j, k) @ weight[i, j]
        | return out  # +=
    range(k) => range(k - 1)  # last row and column of the kernel
    weight[i, j] => weight[i, j].T  # must not be transposed
    k = len(weight) => k = 3  # always 3 x 3
06 conv_backward_input
    weight[::-1, ::-1].transpose(0, 1, 3, 2) => weight.T  # reverses all four axes
    .transpose(0, 1, 3, 2) =>   # not transposed
    weight[::-1, ::-1].transpose => weight.transpose  # not turned by 180 degrees
06 conv_backward_weight
    shifted(x, i, j, k) => shifted(x, j, i, k)  # i and j are swapped
    => dweight = np.empty((k, k, x.shape[3], dout.shape[3]))
        | for b in range(len(x)):
        |     for i, j in np.ndindex(k, k):
        |         dweight[i, j] = np.einsum("hwc,hwo->co", shifted(x, i, j, k)[b], dout[b])
        | return dweight  # +=
    (k, k, => (3, 3, ;; ndindex(k, k) => ndindex(3, 3) ;; shifted(x, i, j, k) => shifted(x, i, j, 3)  # always 3 x 3
    np.ndindex(k, k) => np.ndindex(3, 3)  # always 3 x 3
    "bhwc,bhwo->co" => "bhwc,bhwo->oc" ;; x.shape[3], dout.shape[3] => dout.shape[3], x.shape[3]  # last two axes are swapped
06 relu_backward
    (x > 0) => np.sign(x)  # -1 where x < 0
    (x > 0) => (dout > 0)  # sign of dout
06 directional_derivative
    f(x - h * direction) => f(x - h)  # not along the direction
    (f(x + h * direction) - f(x - h * direction)) / => f(x + h * direction) - f(x - h * direction) /  # only the last term
    f(x + h * direction) - f(x - h * direction)) / (2 * h) => f(x) - f(x - h * direction)) / h  # one-sided
    => d = direction / np.linalg.norm(direction)\\nreturn (f(x + h * d) - f(x - h * d)) / (2 * h)  # length 1
07 similarity
    => p, q = (flat(x - a * x0_hat) / s for x0_hat in (ours, theirs))
        | return (p * q).sum(axis=1) / (np.linalg.norm(p) * np.linalg.norm(q))  # all images together
    / np.sqrt(( => / (( ;; axis=1)) => axis=1))  # roots are missing
    (p * q).sum(axis=1) / np.sqrt((p**2).sum(axis=1) * (q**2).sum(axis=1))
        => ((p * q).sum(axis=1) / np.sqrt((p**2).sum(axis=1) * (q**2).sum(axis=1))).mean()  # one number for all images
07 best_windows
    np.argmax(similarities, axis=0) => np.argmax(similarities, axis=1)  # axis=0
    np.argmax(similarities, axis=0) => np.argmax(similarities)  # whole table
07 window_of_step
    (len(chosen) - 1) // 2 => 0  # smallest window
    (len(chosen) - 1) // 2 => (len(chosen) + 1) // 2  # one or two too far
    np.sort(chosen) => np.unique(chosen) ;; len(chosen) => len(np.unique(chosen))  # as often as
07 agreement
    p.mean(axis=1, keepdims=True) => p.mean(axis=1)  # keepdims
    return r, r**2, 1 - => return r**2, r, 1 -  # another order
    residual / (q**2).sum(axis=1) => (residual / (q**2).sum(axis=1)) ** 0.5  # root
08 attention
    q.shape[1] => q.shape[0]  # number of places
    softmax(q @ k.T / np.sqrt(q.shape[1])) => softmax(q @ k.T) / np.sqrt(q.shape[1])  # before the softmax
    softmax(q @ k.T / np.sqrt(q.shape[1])) => softmax(q @ k.T * np.sqrt(q.shape[1]))  # multiply by sqrt(D)
08 softmax_backward
    axis=-1, keepdims=True => axis=-1  # keepdims
    w * (dw - (w * dw).sum(axis=-1, keepdims=True)) => w * dw - (w * dw).sum(axis=-1, keepdims=True)  # both terms
08 attention_backward
    dout @ v.T => v @ dout.T  # dA is transposed
    softmax_backward(dout @ v.T, weights) => softmax_backward(weights, dout @ v.T)  # arguments of softmax_backward
    softmax_backward(dout @ v.T, weights) => softmax_backward(dout @ v.T, q @ k.T)  # not the products
    ds @ k, ds.T @ q, => ds.T @ q, ds @ k,  # another order
08 evidence
    logs.max(axis=2, keepdims=True) => logs.max(axis=1, keepdims=True)  # over the images n
    logs.max => logs.mean  # mean l
    => return np.log(np.exp(logs).sum(axis=2) + 1e-300)  # tiny number
    axis=2 => axis=1 ;; [..., 0] => [:, 0]  # sum over the images
    axis=2, keepdims=True => axis=2 ;; largest[..., 0] => largest  # keepdims
08 pooled_weights
    weights @ evidence(logs) => weights * evidence(logs)  # matrix product
    weights @ evidence(logs) => evidence(logs) @ weights  # other side
    logs + g * => logs * g *  # multiply
    (weights @ evidence(logs))[:, :, None] => np.einsum("pq,qnu->pnu", weights, logs)  # log-sum-exp over its places
09 pieces
    p[1:-1, 2:]) => p[1:-1, 2:] | p[:-2, :-2] | p[2:, 2:] | p[:-2, 2:] | p[2:, :-2])  # only at a corner
    np.pad(piece, 1) => np.pad(piece, 1, mode="wrap")  # beyond the border
    number += 1 => number = 1  # number 1
    | p[:-2, 1:-1] | p[2:, 1:-1] =>   # of one row only
09 opened
    kept[row : row + k, column : column + k] = True => kept[row, column] = True  # where squares begin
    - k + 1 => - k  # last row and column
    .all() => .any()  # a dilation
09 limbs
    white & ~opened(white, 3) => opened(white, 3)  # count bodies
    size > 1 => size > 0  # crumbs
    range(1, rest.max() + 1) => range(rest.max() + 1)  # the background
    opened(white, 3) => opened(white, 2)  # 2 pixels wide
09 interval
    => p = count / of
        | half = z * np.sqrt(p * (1 - p) / of)
        | return p - half, p + half  # has an interval of no width
    z**2 / of => z / of  # not squared
    (2 * square) => 2  # leading coefficient
09 true_share
    (called - alarm) => (called + alarm)  # Subtract them
    return (called - alarm) / (1 - alarm - miss) => return called - alarm + miss  # at once
    return (called - alarm) / (1 - alarm - miss) => return called * (1 - miss) + (1 - called) * alarm  # the other way
    (1 - alarm - miss) => (1 - miss)  # only from the wrong images
""")

# Wrong answers that no slip gives: the hint must name none. Some are two slips at once, some are one with another number.
OTHER = read("""
01 levels
    ratio / length => ratio / length**2  # no common mistake
01 step
    eps_hat = (x - => eps_hat = 2 * (x -  # no common mistake
01 walk
    denoiser(x, now[0], now[1]) => denoiser(x, now[0] / 2, now[1])  # no common mistake
01 order
    -slope => -slope / 2  # no common mistake
02 views
    -eps_hat / s, => -x / s**2,  # no common mistake
    (x - a * x0_hat) / s => (x - a**2 * x0_hat) / s  # no common mistake
    (x - a * x0_hat) / s => (x - a * x0_hat) / s + a  # no common mistake
    -eps_hat / s, => -eps_hat / (s + a),  # no common mistake
    a * eps_hat - s * x0_hat => a * eps_hat - s**2 * x0_hat  # no common mistake
02 x0_from_score
    (x + s**2 * score) / a => (x + s**3 * score) / a  # no common mistake
    (x + s**2 * score) / a => (x + s**2 * score) / a**3  # no common mistake
02 x0_from_v
    (a * x - s * v) / (a**2 + s**2) => (a * x - s**2 * v) / (a**2 + s**2)  # no common mistake
    (a**2 + s**2) => (a**2 + s)  # no common mistake
02 log_sum_exp
    np.log => np.log2  # no common mistake
    logits - largest => 2 * (logits - largest)  # no common mistake
02 ideal
    axis=(1, 2, 3) => axis=0  # ends in an error
    images, axes=1 => x - a * images, axes=1  # no common mistake
    / (2 * s**2) => / (3 * s**2)  # no common mistake
    x - a * images => x - np.sqrt(a) * images  # no common mistake
    x - a * images => s * x - a * images  # no common mistake
03 window_at
    np.arange(k) - k // 2 => np.arange(k) - k // 2 - 1  # no common mistake
    (row + around)[:, None] => (row + 2 * around)[:, None]  # no common mistake
03 distances
    seen - a * => seen - a**3 *  # no common mistake
    ** 2).sum() => ** 2).max()  # no common mistake
03 weights
    w / w.sum() => w**2 / w.sum()  # no common mistake
    w / w.sum() => np.sqrt(w / w.sum())  # no common mistake
03 local
    x0_hat[row, column] => x0_hat[column, row]  # ends in an error
    images[:, row, column] => images[:, row, column - 1]  # no common mistake
    w @ images => w**2 @ images  # no common mistake
04 dictionary
    images.reshape(-1, channels) => images.reshape(-1, channels)[::-1]  # their order is wrong
    .ravel() => .ravel()[:-1]  # shape
04 posterior
    patches) ** 2 => patches ** 2)  # no common mistake
    window - a * patches => window - a * patches - a  # no common mistake
    w / w.sum() => 0.9 * w / w.sum() + 0.1 / len(w)  # no common mistake
04 els
    @ centres => @ centres * (1 + row / 10)  # no common mistake
    x0_hat = np.empty(x.shape) => x0_hat, s = np.empty(x.shape), s + 0.1  # no common mistake
04 equivariance_gap
    np.abs(shifted_first - shifted_last) => np.abs(shifted_first - x)  # no common mistake
05 known_index
    index if index => index + 1 if index  # no common mistake
    d = k // 2 => d = k // 3  # no common mistake
05 may_explain
    return all( => return p[0] <= u[0] and all(  # no common mistake
05 window_at
    return padded => return 0.5 + padded  # no common mistake
05 els_zeros
    for u in places if => for u in places[:-1] if  # ends in an error
06 conv
    range(k)) => range(i + 1))  # no common mistake
    @ weight[i, j] => @ weight[i, j] ** 2  # no common mistake
06 conv_backward_input
    conv(dout, => conv(np.abs(dout),  # no common mistake
06 conv_backward_weight
    shifted(x, i, j, k), dout => shifted(x, i, j, k), dout**2  # no common mistake
06 relu_backward
    dout * (x > 0) => np.where(dout > 0, x, 0)  # no common mistake
    (x > 0) => (x > 1)  # no common mistake
06 directional_derivative
    (f(x + h * direction) - f(x - h * direction)) / (2 * h) => (f(x + 2 * h * direction) - f(x)) / (2 * h)  # no common mistake
07 similarity
    / np.sqrt( => / (1 + np.sqrt( ;; * (q**2).sum(axis=1)) => * (q**2).sum(axis=1)))  # no common mistake
07 best_windows
    np.argmax(similarities, axis=0) => np.argmax(similarities, axis=0) - 1  # no common mistake
07 window_of_step
    int(np.sort => 2 + int(np.sort  # no common mistake
07 agreement
    1 - residual => 2 - residual  # no common mistake
08 attention
    np.sqrt(q.shape[1]) => (1 + q.shape[1])  # no common mistake
08 softmax_backward
    w * (dw - (w * dw) => w * (dw - w * (w * dw)  # no common mistake
    w * (dw - => w * (dw - 2 *  # no common mistake
08 attention_backward
    ds @ k, => weights @ k,  # no common mistake
    weights.T @ dout => weights.T @ (dout + 1)  # no common mistake
08 evidence
    .sum(axis=2) => .prod(axis=2)  # no common mistake
08 pooled_weights
    logs + g * => logs + g**2 *  # no common mistake
09 pieces
    number += 1 => number += 1 + start[1] % 2  # no common mistake
09 opened
    = True => = bool(row % 2)  # no common mistake
09 true_share
    (1 - alarm - miss) => (1 - alarm - miss) ** 2  # no common mistake
""")
