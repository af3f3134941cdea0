"""Exercise 06: a convolution and its backward pass.

Read tutorial 06 first. Fill the five gaps marked YOUR CODE, in any order, then ask

    minidiff check 06_a_network_by_hand.py

as often as you like (or run this file). Each gap is judged by itself, with right answers in place of the others. Plain NumPy is
enough, loops are fine, speed does not matter. Keep the names and the arguments.

A backward function takes dout, the slope of one number (the loss) in every entry of a layer's output, and returns the slope in
every entry of the layer's input. B images, C channels in, O channels out, k odd, d = k // 2. Zeros around the image.
"""

import numpy as np

EXERCISE = "06"


def shifted(x, i, j, k):
    """x (B, H, W, C) as the weight at (i, j) of a k x k kernel meets it: pixel (row + i - d, column + j - d) at (row, column).

    Zeros where that is outside the image; the same shape as x. Nothing to do here.
    """
    d, (height, width) = k // 2, x.shape[1:3]
    return np.pad(x, ((0, 0), (d, d), (d, d), (0, 0)))[:, i : i + height, j : j + width]


def conv(x, weight):
    """A convolution: out[b, p] = sum over (i, j) of x[b, p + (i, j) - (d, d)] weight[i, j], zeros beyond the border.

    x: (B, H, W, C); weight: (k, k, C, O). Returns (B, H, W, O).

    Hint: k k terms, each a `shifted` image times a C x O matrix. For the smallest case, k = 1, what is left of the formula?
    """
    raise NotImplementedError  # YOUR CODE


def conv_backward_input(dout, weight):
    """The slope of the loss in the convolution's input.

    dx[b, q] = sum over (i, j) of dout[b, q - (i, j) + (d, d)] weight[i, j]^T: the adjoint, <dout, conv(x, weight)> = <dx, x> for
    every x.

    dout: (B, H, W, O); weight: (k, k, C, O). Returns dx (B, H, W, C).

    Hint: output p read input p + (i, j) - (d, d), so input q is read by output q - (i, j) + (d, d). The way back is again a
    convolution, of dout, with the kernel turned by 180 degrees and its matrices transposed.
    """
    raise NotImplementedError  # YOUR CODE


def conv_backward_weight(dout, x, k):
    """The slope of the loss in the weights.

    dweight[i, j] = sum over b and p of x[b, p + (i, j) - (d, d)]^T dout[b, p]. A convolution is linear in its weights too:
    <dout, conv(x, weight)> = <dweight, weight> for every weight.

    dout: (B, H, W, O); x: (B, H, W, C); k: odd int. Returns dweight (k, k, C, O).

    Hint: weight[i, j] multiplied one `shifted` image, in every image of the batch and at every pixel, so collect all of them.
    Which axes of the two arrays are summed over, and which two are left?
    """
    raise NotImplementedError  # YOUR CODE


def relu_backward(dout, x):
    """The slope of the loss in the input of relu(x) = max(x, 0): dout where x > 0, else 0.

    dout, x: arrays of one shape; x is what went in, before the ReLU. Returns dx of that shape.

    Hint: the ReLU's slope is 1 or 0. Does it depend on how large x is?
    """
    raise NotImplementedError  # YOUR CODE


def directional_derivative(f, x, direction, h):
    """The slope of f at x along a direction, by a central difference: half of it looks forward by h, and half back by h.

    That is the slope of the straight line through the values of f at the two points that lie h directions from x, on both sides.

    f: a function of an array that returns a float; x, direction: arrays of one shape; h: float > 0. Returns a float.

    Hint: it ought to equal np.vdot(gradient, direction), up to h^2. That is how one number checks a whole gradient.
    """
    raise NotImplementedError  # YOUR CODE


if __name__ == "__main__":
    from minidiff import coursework

    print(coursework.check(__file__))
