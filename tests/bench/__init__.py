"""Measurements: `scripts/bench NAME --json`. Each prints figures next to a named baseline of the same run."""
