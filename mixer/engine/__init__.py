"""Where processes run: on this machine, as supervised children that speak JSON lines."""

from .child import WAIT, Port, begun, log_to, spawnable
from .supervise import Child, ChildExit
from .warm import Warm

__all__ = ["WAIT", "Child", "ChildExit", "Port", "Warm", "begun", "log_to", "spawnable"]
