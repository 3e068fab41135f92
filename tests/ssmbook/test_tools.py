"""The environments of tools whose requirements contradict the locks."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ssmbook.publish import tools


def test_two_that_need_a_tool_at_once_make_one_environment(monkeypatch, tmp_path):
    folder, calls, together = tmp_path / "_build" / "tool", [], threading.Barrier(2)

    def run(call, check):
        calls.append(call)
        (folder / "bin").mkdir(parents=True, exist_ok=True)
        if "install" in call:
            time.sleep(0.3)  # the second one looks while the first installs
            (folder / "bin" / "tool").touch()

    def ask() -> Path:
        together.wait()
        return tools.installed(folder, "tool==1", "tool")

    monkeypatch.setattr(tools.subprocess, "run", run)
    with ThreadPoolExecutor(2) as pool:
        found = [future.result() for future in [pool.submit(ask) for _ in range(2)]]
    assert found == [folder / "bin" / "tool"] * 2
    assert found[0].is_file()
    assert len(calls) == 2  # venv and pip, once
