"""Prints the page of the docs on diagnostics: `python -m core.diagnostics > docs/diagnostics.md`."""

from __future__ import annotations

import sys

from core.diagnostics.page import page

if __name__ == "__main__":
    sys.stdout.write(page())
