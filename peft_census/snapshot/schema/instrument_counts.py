"""The tables that are counted from instruments, data sources other than cards."""

from __future__ import annotations

from functools import partial

import pyarrow as pa

from peft_census.snapshot.schema.column import Column, Public, Table

_column = partial(Column, public=Public.AS_IS)
"""A column of numbers and fixed words, which the public copy keeps."""

INSTRUMENT_COUNTS: dict[str, Table] = {
    "instrument_shares": Table(
        "Shares on GitHub and Civitai, one row for each way of counting and technique. Every way of counting has its "
        "own base; shares of different measures must not be added or averaged. Empty where neither was read.",
        (
            _column("instrument", pa.string(), "Where it was counted.", nullable=False, allowed=("github", "civitai")),
            _column(
                "measure",
                pa.string(),
                "What was counted. GitHub: search hits of configuration classes in Python files (`class_python`) and "
                "in notebooks (`class_notebook`), search hits of the import line (`phrase`), sampled repositories that "
                "import a configuration class (`repositories`). Civitai: models whose type names a technique "
                "(`identified`), models of every type (`all`).",
                nullable=False,
                allowed=("class_python", "class_notebook", "phrase", "repositories", "identified", "all"),
            ),
            _column("base_meaning", pa.string(), "What the base is, in words.", nullable=False),
            _column("technique", pa.string(), "Technique id.", nullable=False),
            _column(
                "variants",
                pa.string(),
                "Always `variants_separate`: a variant (LoCon, DoRA) is not counted as the technique it derives from.",
                nullable=False,
                allowed=("variants_separate",),
            ),
            _column(
                "numerator",
                pa.float64(),
                "Hits (median of the complete readings), repositories or models of the technique; null where no "
                "reading was complete, which is a gap and not a zero.",
                "hits, repositories or models",
            ),
            _column(
                "base", pa.float64(), "Denominator of the measure.", "hits, repositories or models", nullable=False
            ),
            _column("share", pa.float64(), "numerator / base; null where the numerator is.", "fraction"),
            _column("low", pa.float64(), "Lower bound of the share.", "fraction"),
            _column("high", pa.float64(), "Upper bound of the share.", "fraction"),
            _column(
                "method",
                pa.string(),
                "What the bounds are: a Wilson interval where units were counted, the range of the readings for search "
                "hits.",
                nullable=False,
            ),
            _column("first", pa.string(), "Day of the measure's first answer, `2026-11-23`.", nullable=False),
            _column("last", pa.string(), "Day of its last answer.", nullable=False),
        ),
    ),
    "calibration": Table(
        "What GitHub's code search reports for one repository, and what a checkout of that repository holds. Empty "
        "where no checkout was given.",
        (
            _column("measure", pa.string(), "As in `github_counts`.", nullable=False),
            _column("scope", pa.string(), "The repository, `owner/name`.", nullable=False),
            _column("techniques", pa.int64(), "Techniques asked for.", "techniques", nullable=False),
            _column(
                "reported", pa.int64(), "Files that GitHub reports, summed over techniques.", "files", nullable=False
            ),
            _column("counted", pa.int64(), "Files in the checkout, summed over techniques.", "files", nullable=False),
        ),
    ),
}
