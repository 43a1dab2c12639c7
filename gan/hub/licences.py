"""Licences as the Hub names them, and their SPDX identifiers for CITATION.cff."""

from __future__ import annotations

import re

# https://huggingface.co/docs/hub/repositories-licenses: those that models and images are often given under.
SPDX = {
    "apache-2.0": "Apache-2.0", "mit": "MIT", "bsd-2-clause": "BSD-2-Clause", "bsd-3-clause": "BSD-3-Clause",
    "isc": "ISC", "unlicense": "Unlicense", "wtfpl": "WTFPL", "zlib": "Zlib", "artistic-2.0": "Artistic-2.0",
    "bsl-1.0": "BSL-1.0", "cc0-1.0": "CC0-1.0", "cc-by-2.0": "CC-BY-2.0", "cc-by-3.0": "CC-BY-3.0",
    "cc-by-4.0": "CC-BY-4.0", "cc-by-sa-3.0": "CC-BY-SA-3.0", "cc-by-sa-4.0": "CC-BY-SA-4.0",
    "cc-by-nc-2.0": "CC-BY-NC-2.0", "cc-by-nc-3.0": "CC-BY-NC-3.0", "cc-by-nc-4.0": "CC-BY-NC-4.0",
    "cc-by-nd-4.0": "CC-BY-ND-4.0", "cc-by-nc-nd-3.0": "CC-BY-NC-ND-3.0", "cc-by-nc-nd-4.0": "CC-BY-NC-ND-4.0",
    "cc-by-nc-sa-2.0": "CC-BY-NC-SA-2.0", "cc-by-nc-sa-3.0": "CC-BY-NC-SA-3.0", "cc-by-nc-sa-4.0": "CC-BY-NC-SA-4.0",
    "gpl-2.0": "GPL-2.0-only", "gpl-3.0": "GPL-3.0-only", "agpl-3.0": "AGPL-3.0-only", "lgpl-2.1": "LGPL-2.1-only",
    "lgpl-3.0": "LGPL-3.0-only", "mpl-2.0": "MPL-2.0", "epl-2.0": "EPL-2.0", "eupl-1.2": "EUPL-1.2",
    "ecl-2.0": "ECL-2.0", "afl-3.0": "AFL-3.0", "ms-pl": "MS-PL", "osl-3.0": "OSL-3.0", "ofl-1.1": "OFL-1.1",
    "postgresql": "PostgreSQL", "cdla-permissive-2.0": "CDLA-Permissive-2.0", "odbl": "ODbL-1.0", "pddl": "PDDL-1.0",
}
OTHERS = {"openrail", "openrail++", "creativeml-openrail-m", "bigscience-openrail-m", "bigcode-openrail-m", "llama2",
          "llama3", "gemma", "cc", "bsd", "gpl", "lgpl", "agpl", "other"}         # known to the Hub, none of SPDX


def on_hub(licence: str) -> dict[str, str]:
    """The fields of a card's metadata: one that the Hub does not know is `other`, with its name."""
    if not licence:
        return {}
    known = licence.lower()
    if known in SPDX or known in OTHERS:
        return {"license": known}
    return {"license": "other", "license_name": re.sub(r"[^a-z0-9.-]+", "-", known).strip("-")}


def spdx(licence: str) -> str:
    """'' of others."""
    return SPDX.get(licence.lower(), "")
