"""A forward proxy on loopback: the only way from a layout's page to any network.

Pages may come from anywhere, so what they can reach is decided here, by address and not by name:
`addresses.py` says which addresses are nobody's business, `reach.py` what the operator allows
besides, `connecting.py` resolves, checks and connects to the very address that was checked, and
`server.py` speaks to the browser. Knows nothing of layouts and browsers.
"""

from .connecting import Resolve, resolve
from .reach import Grant, Reach, parse_grant
from .server import Limits, Proxy, Refusal

__all__ = ["Grant", "Limits", "Proxy", "Reach", "Refusal", "Resolve", "parse_grant", "resolve"]
