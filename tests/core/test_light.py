"""Who only needs names must not pay for clients: `core` is light to import."""

import subprocess
import sys
from pathlib import Path

HEAVY = {"pyarrow", "deltalake", "confluent_kafka", "redis", "psutil", "supervisor", "pandas", "numpy"}


def test_importing_all_of_core_loads_no_heavy_library() -> None:
    root = Path(__file__).resolve().parents[2]
    modules = [
        ".".join(path.relative_to(root).with_suffix("").parts)
        for path in sorted((root / "core").rglob("*.py"))
    ]
    script = (
        f"import sys, importlib\nfor name in {modules!r}: importlib.import_module(name)\nprint(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=root, timeout=60, check=True
    )
    assert not HEAVY & set(done.stdout.split())
