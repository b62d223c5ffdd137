"""Where processes run: on this machine, as supervised children that speak JSON lines."""

from .child import Port, spawnable
from .supervise import Child, ChildExit

__all__ = ["Child", "ChildExit", "Port", "spawnable"]
