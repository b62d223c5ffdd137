"""x264's settings where nobody says otherwise; imported without its libraries."""

from __future__ import annotations

# Luma SSIM against the composed pictures of four noisy cameras in 1080p30: 0.971 at 3.7 Mbit/s, for
# two thirds of the CPU of `veryfast` at 23, which reaches 0.948 at 1 Mbit/s; text of a shared
# screen gains 2 dB (docs/performance.md).
PRESET = "superfast"
CRF = 20
# What a preset is given besides. Superfast's lookahead does nothing but find scene cuts; with the
# macroblock tree it takes two thirds of the bits for the same likeness. B-frames would take 7 % of
# bits away, and add 60 MB and a tenth of the CPU; each frame of lookahead adds 6 MB.
PARAMETERS = {"superfast": "mbtree=1:rc-lookahead=10:bframes=0:aq-strength=1.1"}
