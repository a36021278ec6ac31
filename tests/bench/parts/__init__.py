# SPDX-License-Identifier: MIT
"""The parts of the benchmark, in their order. Each has measure(settings) and markdown(result)."""
from parts import ciphers, copy, disk, peers, psync, scale

PARTS = {"peers": peers, "psync": psync, "copy": copy, "scale": scale, "disk": disk,
         "ciphers": ciphers}
