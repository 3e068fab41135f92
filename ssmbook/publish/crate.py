"""The built book as an RO-Crate: what each file is, of what, under which licence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

from rocrate.model.contextentity import ContextEntity
from rocrate.model.entity import Entity
from rocrate.rocrate import ROCrate

from ssmbook.ledger.verdicts import Judgement

_JSON = "application/json"
_FILES = (
    (
        "README.md",
        "text/markdown",
        "what is in here",
        "Contents, and how to check them.",
    ),
    ("records.json", _JSON, "records", "Every record of every notebook."),
    ("claims.json", _JSON, "the ledger", "Every claim with its verdict."),
    ("environment.json", _JSON, "environment", "The versions this was made with."),
    ("SHA256SUMS", "text/plain", "checksums", "The SHA-256 of every other file."),
)


def describe(
    folder: Path,
    citation: dict,
    date: str,
    records: dict[str, dict],
    documents: dict[str, str],
    judged: list[Judgement],
    data: list[dict],
) -> None:
    """Write ro-crate-metadata.json into an archive's folder.

    date: when the commit was made, ISO; records: {document: {key: value}}; documents:
    {chapter: path of its notebook}; data: the registered data sets, which the archive
    leaves out.
    """
    crate = ROCrate()
    crate.name, crate.description = citation["title"], citation["abstract"]
    crate.datePublished = date
    crate.root_dataset["version"] = citation["version"]
    crate.license = [_licence(crate, name) for name in citation["license"]]
    crate.root_dataset["author"] = [
        crate.add(ContextEntity(crate, f"#author-{k}", {"@type": "Organization", **a}))
        for k, a in enumerate(citation["authors"])
    ]
    crate.root_dataset["citation"] = [_paper(crate, p) for p in citation["references"]]
    code, text = crate.license
    crate.root_dataset["publisher"] = crate.root_dataset["author"]
    datasets: dict[str, Any] = {
        path: crate.add_dataset(
            dest_path=f"{path}/",
            properties={"name": name, "description": says, "license": licence},
        )
        for path, name, says, licence in (
            ("book", "the book, to read", "Web pages; open index.html.", text),
            ("source", "the repository", "Every file of the commit.", code),
        )
    }
    front = {"name": "front page", "description": "The first page of the book."}
    index = _file(crate, folder, "book/index.html", "text/html", front, text)
    datasets["book"]["hasPart"] = index
    for path, form, name, says in _FILES:
        _file(crate, folder, path, form, {"name": name, "description": says}, text)
    crate.root_dataset["isBasedOn"] = [_data(crate, entry) for entry in data]
    notebooks = []
    for document, values in records.items():
        stem = Path(document).stem
        notebook = _file(
            crate,
            folder,
            f"source/{document}",
            "application/x-ipynb+json",
            {
                "@type": ["File", "SoftwareSourceCode"],
                "name": stem,
                "description": f"The notebook of chapter {stem}, with its outputs.",
            },
            [code, text],
        )
        notebooks.append(notebook)
        notebook["variableMeasured"] = [
            crate.add(
                ContextEntity(
                    crate,
                    f"#{stem}/{key}",
                    {"@type": "PropertyValue", "name": key, "value": value},
                )
            )
            for key, value in values.items()
        ]
    datasets["source"]["hasPart"] = notebooks
    crate.root_dataset["mentions"] = [
        crate.add(
            ContextEntity(
                crate,
                f"#claim-{j.claim.id}",
                {
                    "@type": "Claim",
                    "name": j.claim.id,
                    "text": j.claim.says,
                    "creativeWorkStatus": j.shown,
                    "appearance": {"@id": f"source/{documents[j.claim.notebook]}"},
                },
            )
        )
        for j in judged
    ]
    crate.metadata.write(folder)


def _file(
    crate: ROCrate, folder: Path, path: str, form: str, properties: dict, licence
) -> Entity:
    """A file of the archive; the size of the checksums depends on this description."""
    known = {"encodingFormat": form, "license": licence}
    if (folder / path).is_file():
        known["contentSize"] = str((folder / path).stat().st_size)
    added = crate.add_file(dest_path=path, properties=properties | known)
    return cast(Entity, added)  # a tuple for several only


def _licence(crate: ROCrate, name: str):
    entity = {
        "@type": "CreativeWork",
        "name": name,
        "description": f"SPDX license {name}",
    }
    return crate.add(
        ContextEntity(crate, f"https://spdx.org/licenses/{name}", properties=entity)
    )


def _paper(crate: ROCrate, paper: dict):
    names = [f"{a['given-names']} {a['family-names']}" for a in paper["authors"]]
    entity = {
        "@type": "ScholarlyArticle",
        "name": paper["title"],
        "author": ", ".join(names),
        "datePublished": str(paper["year"]),
    }
    return crate.add(ContextEntity(crate, paper["url"], properties=entity))


def _data(crate: ROCrate, entry: dict[str, Any]):
    source = f"; from {entry['package']}" if entry["package"] else ""
    properties = {
        "@type": "Dataset",
        "name": entry["name"],
        "description": f"{entry['description']}{source}",
        "license": _stated(crate, entry),
    }
    return crate.add(ContextEntity(crate, f"#data-{entry['name']}", properties))


def _stated(crate: ROCrate, entry: dict[str, Any]):
    """The license of a data set: an entity of SPDX, or one of the words on the page."""
    name = entry["license"]
    if name == "MIT":
        return _licence(crate, name)
    key = f"#license-{re.sub('[^A-Za-z0-9.]+', '-', name)}"
    says = "The license of a data set, in the words of its registry."
    entity = {"@type": "CreativeWork", "name": name, "description": says}
    return crate.get(key) or crate.add(ContextEntity(crate, key, entity))
