"""Compiled loops are kept per state of all sources that they may call."""

from __future__ import annotations

from pathlib import Path

from infra.local.compiled import cache


def test_any_change_of_a_source_gives_another_folder(tmp_path: Path) -> None:
    (tmp_path / "loops.py").write_text("a = 1\n")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "called.py").write_text("b = 1\n")
    before = cache((tmp_path,))
    assert cache((tmp_path,)) == before
    (tmp_path / "deep" / "called.py").write_text("b = 2\n")
    changed = cache((tmp_path,))
    (tmp_path / "deep" / "called.py").rename(tmp_path / "called.py")
    assert len({before, changed, cache((tmp_path,))}) == 3
