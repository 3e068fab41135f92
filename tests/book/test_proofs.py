"""The proof page names the test that checks each step."""

import re


def test_each_step_names_tests_that_exist(root):
    steps = (root / "book" / "proofs.md").read_text(encoding="utf-8").split("\n## ")[1:]
    defined = "".join(
        p.read_text(encoding="utf-8") for p in (root / "tests/ssmlib").glob("*.py")
    )
    for step in steps:
        title = step.partition("\n")[0]
        named = re.findall(r"\b(test_\w+)\b(?!\.py)", step)
        assert named or title.startswith("4."), title  # 4 is what 5 stands on
        for name in named:
            assert f"def {name}(" in defined, name
