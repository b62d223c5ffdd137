"""Journal (encoded video) + matte track (the page) -> composed output frames.

decode.py chooses and decodes, window.py and scale.py place, colour.py converts, coverage.py and
paint.py blend, compose.py keeps it all going from frame to frame.
"""

from .compose import Composer, Mattes

__all__ = ["Composer", "Mattes"]
