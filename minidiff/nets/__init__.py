"""A hand-coded network. This folder holds its layers, the network itself, its training, and trained weights by name."""

from . import layers
from .layers import ATTENTIONS
from .network import PREDICTIONS, Network
from .shipped import load, names, trained
from .train import train

__all__ = ["ATTENTIONS", "PREDICTIONS", "Network", "layers", "load", "names", "train", "trained"]
