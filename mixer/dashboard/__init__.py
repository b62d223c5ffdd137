"""The dashboard of `mixer serve`, at /dashboard: pages for those who run the service.

`operators.py` knows who may see them, `visits.py` who is looking, `pages.py` how a page is made;
each other module has the routes of one part. Everything essential works without JavaScript.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .site import dashboard

if TYPE_CHECKING:
    from ..service.context import Service

__all__ = ["address", "dashboard"]


async def address(service: Service) -> str:
    """Where operators begin: the dashboard, or as long as there are none the one-time link."""
    from . import operators

    here = f"{service.settings.base_url}/dashboard"
    if await operators.exist(service.database):
        return here
    return f"{here}/setup?key={operators.setup_token(service.secrets.tokens)}"
