"""Examples that `--help` of a command shows."""

from __future__ import annotations

EXAMPLES = {
    "list": ("list", "list timescale"),
    "run": ("run timescale", "run timescale -p L_max=8192 -p seed=1"),
    "sweep": (
        "sweep questions --grid L=64,128 --grid seed=0:5",
        "sweep questions --from runs/sweep.yml --jobs 2",
    ),
    "results": ("results questions", "results questions --record tight_white_one"),
    "study": ("study ablations", "study ablations --seeds 1000:1004 --jobs 2"),
    "plan": ("plan",),
    "claims": ("claims", "claims --check runs/mine"),
    "build": ("build", "build --stored", "build --profile full --device cuda -o big"),
    "notebooks": ("notebooks", "notebooks timescale questions"),
    "studies": ("studies", "studies timescale"),
    "doctor": ("doctor",),
    "archive": ("archive", "archive --verify dist/ssmbook-0.3.0.tar.gz"),
    "citation": ("citation",),
    "lab": ("lab timescale", "lab timescale -o timescale.ipynb"),
}


def epilog(command: str) -> str | None:
    """Return the examples of a command, one per paragraph, or None."""
    lines = [f"ssmbook {line}" for line in EXAMPLES.get(command, ())]
    return "\n\n".join(["Examples:", *lines]) if lines else None
