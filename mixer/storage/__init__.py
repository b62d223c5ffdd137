"""Where finished files lie for others to download: a folder, or an S3-compatible bucket.

`Storage` puts, reads and deletes objects and makes addresses that end after a while; `signed`
makes and checks those of our own. Neighbours: mixer/service/files decides what is put there,
mixer/service/rest/downloads answers our own addresses.
"""

from .location import Location, parse_location
from .media import media_type_of
from .signed import Signed
from .store import Storage, open_storage

__all__ = ["Location", "Signed", "Storage", "media_type_of", "open_storage", "parse_location"]
