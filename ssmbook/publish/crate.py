"""The built book as an RO-Crate: what each file is, of what, under which licence."""

from __future__ import annotations

from pathlib import Path

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from ssmbook.book.verdicts import Judgement


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
    {chapter: path of its notebook}; data: the {name, description, license} of what the
    notebooks read and the archive leaves out.
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
    for path, name, licence in (
        ("book", "the book, to read", text),
        ("source", "the repository at the commit", code),
    ):
        crate.add_dataset(
            dest_path=f"{path}/", properties={"name": name, "license": licence}
        )
    for path, name in (
        ("README.md", "what is in here, and how to check it"),
        ("records.json", "every record of every notebook"),
        ("claims.json", "the ledger, judged"),
        ("environment.json", "versions this archive was made with"),
        ("SHA256SUMS", "checksums"),
    ):
        crate.add_file(dest_path=path, properties={"name": name, "license": text})
    crate.root_dataset["isBasedOn"] = [_data(crate, entry) for entry in data]
    for document, values in records.items():
        stem = Path(document).stem
        notebook = crate.add_file(
            dest_path=f"source/{document}",
            properties={
                "@type": ["File", "SoftwareSourceCode"],
                "name": stem,
                "encodingFormat": "application/x-ipynb+json",
                "license": [code, text],
            },
        )
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
    for j in judged:
        crate.add(
            ContextEntity(
                crate,
                f"#claim-{j.claim.id}",
                {
                    "@type": "Claim",
                    "name": j.claim.id,
                    "text": j.claim.says,
                    "creativeWorkStatus": j.verdict,
                    "appearance": {"@id": f"source/{documents[j.claim.notebook]}"},
                },
            )
        )
    crate.metadata.write(folder)


def _licence(crate: ROCrate, name: str):
    entity = {"@type": "CreativeWork", "name": name}
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


def _data(crate: ROCrate, entry: dict[str, str]):
    name = f"#data-{entry['name']}"
    return crate.add(ContextEntity(crate, name, {"@type": "Dataset"} | entry))
