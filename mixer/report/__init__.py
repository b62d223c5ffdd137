"""What a recording tells about itself: contact sheet, poster, WebVTT, timeline, quality report.

`make_report` takes a finished journal and the files made of it and changes neither. docs/report.md
describes what it writes. Nothing in the recording waits for it.
"""

from .make import make_report
from .model import OutputFile, Report

__all__ = ["OutputFile", "Report", "make_report"]
