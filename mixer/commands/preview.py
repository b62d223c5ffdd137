"""`mixer preview`: a layout with a simulated conference, in its developer's browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .files import LayoutAllow, allow_layouts
from .running import run


def preview(
    layout: Annotated[
        str, typer.Argument(help="Built-in name, folder, HTML file or URL.")
    ] = "default",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port, on this machine only.")] = 8720,
    script: Annotated[
        Path | None, typer.Option(help="A script that was saved in the preview; it is played.")
    ] = None,
    recording: Annotated[
        Path | None,
        typer.Option(help="A record's folder: its conference is played, with its pictures."),
    ] = None,
    layout_allow: LayoutAllow = None,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Shows a layout with a simulated conference, and the mixer's own picture beside it."""
    from ..preview.serve import PreviewSettings, run_preview
    from .running import journal_of

    settings = PreviewSettings(
        layout=layout,
        port=port,
        script=script,
        recording=journal_of(recording) if recording else None,
    )

    def ready(address: str) -> None:
        print(f"Preview of {layout}: {address}", flush=True)
        if open_:
            typer.launch(address)

    async def job() -> None:
        allow_layouts(layout_allow)
        await run_preview(settings, ready)

    run(job())
