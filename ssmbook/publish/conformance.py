"""Whether an unpacked archive is a valid RO-Crate, as roc-validator finds.

roc-validator asks for packages of its own, so it lives in an environment of its own.
It reads the context of RO-Crate from w3id.org. The package rocrate, with which the
crate was written, carries that file: here it is put into the validator's cache first,
and the validator runs offline. `python -m ssmbook.publish.conformance FOLDER`, in this
repository, validates the unpacked archive in FOLDER.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

from ssmbook.publish import tools

PINNED = "roc-validator==0.13.0"
CONTEXT = "rocrate/data/ro-crate.jsonld"
# Runs in the validator's environment: a request is answered by a file, and cached.
_FILL = """
import io, json, sys
from pathlib import Path
from requests.adapters import HTTPAdapter
from requests_cache import CachedSession
from urllib3 import HTTPResponse

class Local(HTTPAdapter):
    def send(self, request, **options):
        kind = {"Content-Type": "application/ld+json"}
        body = io.BytesIO(content)
        raw = HTTPResponse(body, kind, status=200, preload_content=False)
        return self.build_response(request, raw)

cache, file = sys.argv[1:]
content = Path(file).read_bytes()
session = CachedSession(cache, backend="sqlite", expire_after=-1)
session.mount("https://", Local())
session.get(json.loads(content)["@id"]).raise_for_status()
"""


def validate(crate: Path, folder: Path) -> None:
    """Validate the crate in a folder against all that RO-Crate requires.

    Args:
        crate: an unpacked archive.
        folder: the environment of the validator, made where it is missing.

    Raises:
        ValueError: with the validator's report, if a requirement is not met.
    """
    tool = tools.installed(folder, PINNED, "rocrate-validator")
    cache = folder / "contexts"
    context = Path(str(distribution("rocrate").locate_file(CONTEXT)))
    fill = [folder / "bin" / "python", "-c", _FILL, cache, context]
    subprocess.run(fill, check=True)
    call = [tool, "-y", "--disable-color", "validate", "--offline"]
    call += ["--cache-path", cache, "--verbose", "--no-paging", crate]
    run = subprocess.run(call, capture_output=True, encoding="utf-8")
    if run.returncode:
        raise ValueError(f"{crate} is no valid RO-Crate:\n{run.stdout}{run.stderr}")


if __name__ == "__main__":
    try:
        validate(Path(sys.argv[1]), Path("_build") / "roc-validator")
    except ValueError as error:
        sys.exit(str(error))
