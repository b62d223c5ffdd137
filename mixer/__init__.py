"""mixer: records WebRTC conferences into a journal and renders from it what people want."""

__version__ = "0.1.0"
