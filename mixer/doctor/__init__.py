"""`mixer doctor`: what this machine lacks to record and render, and how to get it."""

from .examination import examine
from .finding import Finding, State
from .report import run

__all__ = ["Finding", "State", "examine", "run"]
