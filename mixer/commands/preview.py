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
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 in a container. There is no login.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the preview's own page.")] = 8720,
    pages_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the layout's pages; 0: any that is free.")
    ] = 0,
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
        host=host,
        port=port,
        pages_port=pages_port,
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
