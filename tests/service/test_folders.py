"""What others on the machine may read of the data folder: nothing that is secret."""

from __future__ import annotations

from pathlib import Path

from mixer.records import Database
from mixer.records.models import Base
from mixer.service.folders import make_folders
from mixer.service.settings import ServiceSettings


async def test_a_folder_that_is_open_to_others(tmp_path: Path) -> None:
    """Keys are in the database and conversations in the sessions, whoever made the folder."""
    settings = ServiceSettings(data=tmp_path)
    tmp_path.chmod(0o755)
    for _ in range(2):  # at every start
        make_folders(settings)
    database = Database(settings.database_address)
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        folders = [settings.sessions_folder, settings.files_folder]
        found = [*tmp_path.glob("mixer.db*"), *folders]
        assert len(found) > 2
        assert {path.name: path.stat().st_mode & 0o077 for path in found if path.exists()} == {
            path.name: 0 for path in found
        }
    await database.close()
