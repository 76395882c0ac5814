"""The tables of the instruments: GitHub, Civitai and PEFT's benchmark."""

from __future__ import annotations

import pyarrow as pa

from peft_census.snapshot.schema.column import STRINGS, TIME, Column, Table

GITHUB_MEASURES = ("class_python", "class_notebook", "guarded_python", "phrase")
READING_STATUSES = ("read", "incomplete", "refused", "failed")

INSTRUMENT_TABLES: dict[str, Table] = {
    "github_counts": Table(
        "Every reading of GitHub's code search, with the incomplete and failed ones. They count files, not projects.",
        (
            Column("technique", pa.string(), "Technique id whose configuration class was searched.", nullable=False),
            Column("config_class", pa.string(), "PEFT configuration class in the query.", nullable=False),
            Column(
                "measure",
                pa.string(),
                "`class_python`, `class_notebook`: files with the class and the word peft. `guarded_python`: files "
                "that also have the word get_peft_model, for classes whose name is an ordinary word. `phrase`: the "
                "import line that the published estimate searched for. Measures must not be added.",
                nullable=False,
                allowed=GITHUB_MEASURES,
            ),
            Column("scope", pa.string(), "`all`, or the repository of a calibration query.", nullable=False),
            Column("query", pa.string(), "The query, verbatim.", nullable=False),
            Column("reading", pa.int32(), "Number of the round, from 1.", nullable=False),
            Column("asked_at", TIME, "Time of the request.", "UTC", nullable=False),
            Column(
                "status",
                pa.string(),
                "`read`; `incomplete`: the search ran out of time, and the count is not used; `refused`: the query "
                "was not accepted; `failed`: there was no answer.",
                nullable=False,
                allowed=READING_STATUSES,
            ),
            Column("reason", pa.string(), "What the server answered, where it refused or failed."),
            Column("total_count", pa.int64(), "Files that GitHub reports.", "files"),
            Column("incomplete_results", pa.bool_(), "As GitHub reports it."),
            Column("local_count", pa.int64(), "Files in the checkout that was given for calibration.", "files"),
        ),
    ),
    "github_imports": Table(
        "Files in a sample of GitHub's code search, one row for each repository and blob, and what their search "
        "fragments import from peft. The fragments are not stored.",
        (
            Column("repository", pa.string(), "Repository, `owner/name`.", nullable=False),
            Column("blob_sha", pa.string(), "Git blob id; all copies of a file have the same.", nullable=False),
            Column("kind", pa.string(), "Kind of file.", nullable=False, allowed=("python", "notebook")),
            Column("techniques", STRINGS, "Technique ids whose class the code imports from peft.", nullable=False),
            Column("example_techniques", STRINGS, "The same for doctest lines.", nullable=False),
            Column("uses_peft", pa.bool_(), "Whether the fragments import anything from peft.", nullable=False),
            Column("star", pa.bool_(), "Whether the code imports everything (`*`).", nullable=False),
            Column(
                "cut",
                pa.bool_(),
                "Whether a fragment ends inside an import, so that names may be missing.",
                nullable=False,
            ),
            Column("slice", pa.string(), "Range of file sizes in which the file was found.", "bytes", nullable=False),
            Column("asked_at", TIME, "Time of the request.", "UTC", nullable=False),
        ),
    ),
    "civitai": Table(
        "Models that Civitai lists, one row for each model. Names and descriptions are not stored.",
        (
            Column("model_id", pa.int64(), "Civitai's model id.", nullable=False),
            Column(
                "type",
                pa.string(),
                "Civitai's model type. The site shows `LoCon` as LyCORIS; it also covers LoHa, LoKr and others.",
                nullable=False,
            ),
            Column("nsfw", pa.bool_(), "Civitai's flag; models of all levels are listed."),
            Column("base_models", STRINGS, "Base models of the published versions, sorted.", nullable=False),
            Column("versions", pa.int32(), "Published versions.", "versions", nullable=False),
            Column("created_at", TIME, "When the first published version was created.", "UTC"),
            Column("published_at", TIME, "When the latest version was published.", "UTC"),
            Column("downloads", pa.int64(), "Downloads of the model.", "downloads"),
            Column("asked_at", TIME, "When its page was read.", "UTC", nullable=False),
        ),
    ),
    "benchmark": Table(
        "PEFT's own method comparison, one row for each run. Each run has one seed and settings chosen by "
        "contributors, so the table does not show causes.",
        (
            Column("technique", pa.string(), "Technique id by `peft_type`; null for full fine-tuning."),
            Column("peft_type", pa.string(), "PEFT type; null for full fine-tuning."),
            Column("variant", pa.string(), "Variant of the type; null for the plain type."),
            Column("task", pa.string(), "Task of the comparison.", nullable=False),
            Column("experiment", pa.string(), "Name of the run.", nullable=False),
            Column("base_model", pa.string(), "Model that was tuned."),
            Column("metric", pa.string(), "What `value` is; higher is better.", nullable=False),
            Column("value", pa.float64(), "Task metric of the finished run.", nullable=False),
            Column(
                "test_questions",
                pa.int64(),
                "Questions of the test set where `value` is the share answered correctly; null for another metric or "
                "test set.",
                "questions",
            ),
            Column("forgetting", pa.float64(), "MetaMathQA: loss of earlier ability; lower is better."),
            Column("drift", pa.float64(), "Images: drift from the base model; lower is better."),
            Column("train_loss", pa.float64(), "Last training loss."),
            Column("memory_max_bytes", pa.int64(), "Highest accelerator memory.", "bytes"),
            Column("memory_reserved_avg_bytes", pa.int64(), "Mean reserved accelerator memory.", "bytes"),
            Column("train_time_s", pa.float64(), "Training time.", "seconds"),
            Column("file_size_bytes", pa.int64(), "Size of the saved file.", "bytes"),
            Column("trainable_params", pa.int64(), "Trained parameters.", "parameters"),
            Column("total_params", pa.int64(), "All parameters.", "parameters"),
            Column("run_at", TIME, "When the run was made.", "UTC"),
            Column("peft_version", pa.string(), "Release of peft that ran it."),
            Column("seed", pa.int64(), "Random seed."),
            Column("accelerator", pa.string(), "Accelerator."),
        ),
    ),
}
