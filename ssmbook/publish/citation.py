"""codemeta.json and .zenodo.json, made from CITATION.cff by cffconvert.

cffconvert asks for old packages, so it lives in an environment of its own. What it
leaves out is added here: both licences, the kind of upload, and the papers.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from ssmbook.notebook import strict_yaml
from ssmbook.publish import tools
from ssmbook.runs import sharing

PINNED = "cffconvert==2.0.0"
FILES = ("codemeta.json", ".zenodo.json")


def generated(root: Path) -> dict[str, str]:
    """The two files' names and contents. Raises ValueError for a bad CITATION.cff."""
    source = root / "CITATION.cff"
    tool = tools.installed(root / "_build" / "cffconvert", PINNED, "cffconvert")
    call = [tool, "-i", source]
    valid = subprocess.run([*call, "--validate"], capture_output=True, encoding="utf-8")
    if valid.returncode:
        raise ValueError(f"{source} does not fit its schema:\n{valid.stderr}")
    citation = strict_yaml.load(source)

    def converted(form: str) -> dict:
        text = subprocess.run(
            [*call, "-f", form], capture_output=True, encoding="utf-8", check=True
        ).stdout
        return json.loads(text)

    made = (
        _codemeta(converted("codemeta"), citation),
        _zenodo(converted("zenodo"), citation),
    )
    return {
        name: json.dumps(metadata, indent=2, ensure_ascii=False) + "\n"
        for name, metadata in zip(FILES, made, strict=True)
    }


def write(root: Path) -> list[Path]:
    """Write the two files; their paths.

    Raises ValueError where CITATION.cff or one of them is edited meanwhile: the file
    is then left as it is.
    """
    with sharing.lock(root / "_build"):
        source = root / "CITATION.cff"
        cited = sharing.content(source)
        seen = {root / name: sharing.content(root / name) for name in FILES}
        made = generated(root)
        if sharing.content(source) != cited:
            raise ValueError(
                f"{source} was edited meanwhile: run ssmbook citation again"
            )
        new = {root / name: text.encode() for name, text in made.items()}
        sharing.update(root, new, seen)
    return list(new)


def _codemeta(metadata: dict, citation: dict) -> dict:
    papers = [
        {
            "@type": "ScholarlyArticle",
            "name": paper["title"],
            "author": [
                {
                    "@type": "Person",
                    "familyName": a["family-names"],
                    "givenName": a["given-names"],
                }
                for a in paper["authors"]
            ],
            "datePublished": str(paper["year"]),
            "url": paper["url"],
        }
        for paper in citation["references"]
    ]
    licences = [f"https://spdx.org/licenses/{name}" for name in citation["license"]]
    authors = [{"@type": "Organization", **a} for a in citation["authors"]]
    metadata |= {"license": licences, "author": authors}
    return metadata | {"referencePublication": papers}


def _zenodo(metadata: dict, citation: dict) -> dict:
    related = [
        {
            "identifier": paper["url"].replace("https://arxiv.org/abs/", "arXiv:"),
            "relation": "references",
            "resource_type": "publication-article",
        }
        for paper in citation["references"]
    ]
    # A record has one licence there: the code's. The text's stands in the notes.
    code, text = citation["license"]
    return metadata | {
        "upload_type": "software",
        "license": code,
        "notes": f"Code under {code}; text and figures under {text}.",
        "related_identifiers": related,
    }
