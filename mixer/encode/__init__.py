"""Frames and samples to segments, segments to files."""
