# SPDX-License-Identifier: LGPL-2.1-or-later
"""Nothing of its own: the fixtures are those of the folders above."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
