"""The findings on standard output: a table for people, JSON for machines; and the exit code."""

from __future__ import annotations

import json as json_format
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich import box
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table

from ..errors import EnvironmentMissing
from .examination import examine
from .finding import Finding

MARKS = {"ok": "[green]✓[/green]", "warning": "[yellow]![/yellow]", "failed": "[red]✗[/red]"}


def run(
    json: bool = False,
    out: Path | None = None,
    config: Path | None = None,
    data: Path | None = None,
) -> int:
    """Examines, prints, and returns the exit code: 3 if something that is needed is missing.

    With `config` or `data` also what `mixer serve` needs with them.

    JSON: {"ok": bool, "findings": [{"name", "state", "what", "remedy"}]}.
    """
    findings = examine(out)
    if config is not None or data is not None:
        from .service import examine_service

        findings += examine_service(config, data)
    failures = [finding for finding in findings if finding.state == "failed"]
    if json:
        report = {"ok": not failures, "findings": [asdict(finding) for finding in findings]}
        print(json_format.dumps(report, indent=2, ensure_ascii=False))
    else:
        console = Console()
        console.print(table(findings))
        console.print(verdict(findings))
    return EnvironmentMissing.exit_code if failures else 0


def table(findings: Sequence[Finding]) -> RenderableType:
    grid = Table(box=box.SIMPLE, show_header=False, pad_edge=False, show_edge=False)
    grid.add_column(width=1)
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    for finding in findings:
        text = escape(finding.what)
        if finding.remedy:
            text += f"\n[dim]→[/dim] {escape(finding.remedy)}"
        grid.add_row(MARKS[finding.state], finding.name, text)
    return grid


def verdict(findings: Sequence[Finding]) -> str:
    failures = sum(finding.state == "failed" for finding in findings)
    warnings = sum(finding.state == "warning" for finding in findings)
    if failures:
        return f"[red]{failures} missing[/red], {warnings} to look at"
    if warnings:
        return f"[green]ready[/green], {warnings} to look at"
    return "[green]ready[/green]"
