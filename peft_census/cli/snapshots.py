"""The commands that read snapshots: ``count``, ``show``, ``explain``, ``diff``, ``verify`` and ``techniques``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import click

from peft_census.cli.options import (
    GroupOptions,
    group_options,
    open_snapshot,
    output_options,
    snapshot_option,
)
from peft_census.cli.output import OutputOptions, print_result
from peft_census.cli.streams import print_text
from peft_census.cli.table import TableOptions, table_options, write_table
from peft_census.count import parse_rule
from peft_census.count.difference import Comparison
from peft_census.errors import DONE, FAILED, GAPS, UsageError
from peft_census.pipeline.compare import compare
from peft_census.pipeline.counting import count_again, count_groups, count_table
from peft_census.pipeline.explain import explain_file, explain_model
from peft_census.pipeline.label_correction import correct
from peft_census.pipeline.settings import settings
from peft_census.pipeline.sources import make_source
from peft_census.pipeline.summary import show_details
from peft_census.pipeline.verify import Finding
from peft_census.pipeline.verify import verify as verify_all
from peft_census.publish.text.difference import (
    difference_html,
    difference_json,
    difference_markdown,
    difference_text,
)
from peft_census.publish.text.explanation import explanation_text
from peft_census.publish.text.label_correction import corrected_text
from peft_census.publish.text.numbers import plural
from peft_census.publish.text.terminal import describe_snapshot, groups_text, shares_text, table_text, techniques_text
from peft_census.snapshot.files import write_atomically
from peft_census.snapshot.records import to_json
from peft_census.tag import load_taxonomy
from peft_census.tag.peft_source import missing, read_peft


@click.command()
@snapshot_option
@click.option("--rule", metavar="NAME", help="Only this rule, such as exactly_one/variants_separate.")
@click.option("--table", metavar="NAME", help="Another counted table, such as sensitivity.")
@group_options
@click.option("--gold", type=click.Path(path_type=Path), metavar="FILE", help="Labels of a sample (see sample-gold).")
@table_options
@output_options
def count(
    snapshot: str,
    rule: str | None,
    table: str | None,
    groups: GroupOptions,
    gold: Path | None,
    target: TableOptions,
    output: OutputOptions,
) -> None:
    """Count a snapshot again by the rules of this release.

    By default all standard rules are counted. The name of a rule starts with exactly_one, any or fractional, followed
    by switches, with slashes between: variants_separate, human_only, applied_only, per_author, deduplicated and others.
    An unknown name is answered with the list of all names. The snapshot itself does not change.

    --by, --where and --technique count groups of cards under any rule (default: exactly_one).

    --table prints another counted table: rule_changes (the headline with one option changed), sensitivity (by every
    rule), funnel (files, configurations and cards of the same models), agreement (cards against
    configurations), breakdown, authorship, generated, monthly, adoption, milestones, concentration, popular,
    interrupted_series (before and since PEFT tags cards), stickiness (what authors cite later), choice.
    breakdown and monthly take a --rule.

    --gold corrects the share of LoRA for the errors of the tagger. It needs the labels of cards that sample-gold drew
    from this snapshot.

    \b
    Examples:
      peft-census count
      peft-census count --rule exactly_one/variants_separate/human_only
      peft-census count --by month --technique qlora --rule exactly_one/variants_separate
      peft-census count --by author --top 10 --where task=text-generation --format xlsx --out authors.xlsx
      peft-census count --table sensitivity
      peft-census count --gold labelled.jsonl
    """
    opened = open_snapshot(snapshot)
    if (table is not None) + bool(groups) + (gold is not None) > 1 or (gold and target.form != "text"):
        raise UsageError("--table, --gold and groups of cards cannot be combined", "use one of them.")
    if groups:
        name, counted = "shares", count_groups(opened, groups.query(rule))
        text = groups_text(opened, counted, groups.by)
    elif table is not None:
        name, counted = table, count_table(opened, table, rule)
        text = table_text(opened, counted)
    else:
        name, counted = "shares", count_again(opened, rule)
        text = shares_text(opened, counted)
    result = {"snapshot_id": opened.id, name: counted.to_pylist()}
    if gold is not None:
        correction = correct(opened, gold, rule)
        result["corrected"] = to_json(correction)
        text += "\n\n" + corrected_text(opened, correction)
    write_table(counted, result, text, target, output)


@click.command()
@click.argument("snapshot", default="latest")
@output_options
def show(snapshot: str, output: OutputOptions) -> None:
    """Show the headline, coverage and provenance of a snapshot.

    \b
    Examples:
      peft-census show
      peft-census show previous
    """
    opened = open_snapshot(snapshot)
    print_result(show_details(opened), describe_snapshot(opened), output)


@click.command()
@click.argument("model_id", required=False)
@snapshot_option
@click.option("--file", type=click.Path(path_type=Path), metavar="README.md", help="Read this card (- for stdin).")
@output_options
def explain(model_id: str | None, snapshot: str, file: Path | None, output: OutputOptions) -> None:
    """Show what a card cites, on what evidence, and how each rule counts it.

    \b
    Examples:
      peft-census explain acme/llama-lora --snapshot latest
      peft-census explain --file README.md
    """
    if (model_id is None) == (file is None):
        raise UsageError("name either a model of a snapshot, or a card with --file", "see peft-census explain --help.")
    explanation = explain_file(file) if file else explain_model(open_snapshot(snapshot), str(model_id))
    print_result(explanation, explanation_text(explanation), output)


_FORMATS: dict[str, Callable[[Comparison, str], str]] = {
    "text": difference_text,
    "markdown": difference_markdown,
    "html": difference_html,
    "json": lambda comparison, name: json.dumps(difference_json(comparison), ensure_ascii=False),
}


@click.command()
@click.argument("older")
@click.argument("newer")
@click.option("--rule", default="exactly_one", show_default=True, metavar="NAME", help="The rule to count by.")
@click.option("--technique", default="lora", show_default=True, metavar="ID", help="The technique to compare.")
@click.option("--cards", metavar="SOURCE", help="The source of the older snapshot, to tag it again by today's rules.")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(_FORMATS)),
    default="text",
    show_default=True,
    help="The format of the result; --json is the same as --format json.",
)
@click.option("--out", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Write the result to this file.")
@output_options
def diff(
    older: str,
    newer: str,
    rule: str,
    technique: str,
    cards: str | None,
    form: str,
    out: Path | None,
    output: OutputOptions,
) -> None:
    """Explain why a share differs between two snapshots.

    The difference is divided into the parts of new, deleted and edited cards, of coverage, and of changes in our own
    rules; the parts add up to it. Snapshots of two different populations are only listed next to each other, and the
    exit code is 3.

    \b
    Examples:
      peft-census diff previous latest
      peft-census diff 2026-11-16 2026-11-23 --cards last-week.parquet --format markdown
    """
    before, after = open_snapshot(older), open_snapshot(newer)
    source = make_source(cards, quiet=output.quiet) if cards else None
    comparison = compare(before, after, parse_rule(rule), technique, source)
    names = before.manifest.taxonomy.techniques | after.manifest.taxonomy.techniques
    text = _FORMATS["json" if output.as_json else form](comparison, names[technique].name)
    if out is None:
        print_text(text)
    else:
        write_atomically(out, text)
    sys.exit(GAPS if comparison.reasons else DONE)


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--raw", type=click.Path(path_type=Path, file_okay=False), help="Raw folder.  [default: data/raw]")
@click.option("--repair", is_flag=True, help="Repair what can be repaired. Damaged files are renamed, never deleted.")
@output_options
def verify(folder: Path | None, raw: Path | None, repair: bool, output: OutputOptions) -> None:
    """Check that snapshots, crawl states and raw files are intact.

    FOLDER is a folder of snapshots (default: data/snapshots). Exit code 0: everything is intact. 3: something was
    found, and repaired if --repair was given. 1: something could not be repaired.

    \b
    Examples:
      peft-census verify
      peft-census verify --repair
    """
    with output.progress.stage("verifying"):
        result = verify_all(folder or settings().snapshots, raw or settings().raw, repair)
    checked = (
        f"checked {plural(result.snapshots, 'snapshot')}, {plural(result.ledgers, 'crawl state')} and "
        f"{plural(result.shards, 'raw file')}: "
    )
    verdict = plural(len(result.findings), "finding") if result.findings else "everything is intact"
    lines = [_finding_lines(finding) for finding in result.findings]
    print_result(result, "\n".join([*lines, checked + verdict]), output)
    sys.exit(DONE if not result.findings else FAILED if repair and not result.intact else GAPS)


def _finding_lines(finding: Finding) -> str:
    state = "repaired" if finding.repaired else "with --repair" if finding.repairable else "to do"
    return f"{finding.path}: {finding.what}\n  {state}: {finding.remedy}"


@click.command()
@click.option(
    "--check",
    "peft",
    type=click.Path(path_type=Path),
    metavar="WHEEL|FOLDER",
    help="Compare with a wheel or a source folder of PEFT, without importing it.",
)
@output_options
def techniques(peft: Path | None, output: OutputOptions) -> None:
    """List the taxonomy, or compare it with a release of PEFT.

    With --check the exit code is 3 if the taxonomy lacks something.

    \b
    Examples:
      peft-census techniques
      peft-census techniques --check peft-0.21.2-py3-none-any.whl
    """
    taxonomy = load_taxonomy()
    if peft is None:
        listed = [to_json(technique) for technique in taxonomy.techniques.values()]
        print_result({"sha256": taxonomy.sha256, "techniques": listed}, techniques_text(listed), output)
        return
    facts = read_peft(peft)
    lacking = missing(taxonomy, facts)
    text = "\n".join(lacking) or f"the taxonomy covers peft {facts.version}"
    print_result({"peft_version": facts.version, "missing": lacking}, text, output)
    sys.exit(GAPS if lacking else DONE)
