"""The hand-coded network: its layers, the network itself, and its training."""

from . import layers
from .network import Network
from .train import train

__all__ = ["Network", "layers", "train"]
