"""Finished files: published, listed, addressed, and in the end removed.

`publish` takes what a session has made; `addresses` says where it is downloaded from; `retention`
removes what is too old, `removal` what somebody wants gone. Sessions call `publish`, the monitor's
routes and the dashboard the others.
"""

from .addresses import archive_url, urls_of
from .made import FileMade
from .publish import publish
from .removal import delete, remove_everything_of
from .retention import run, sweep

__all__ = [
    "FileMade",
    "archive_url",
    "delete",
    "publish",
    "remove_everything_of",
    "run",
    "sweep",
    "urls_of",
]
