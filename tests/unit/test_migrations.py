"""The revisions of the schema are one line: two written side by side are put in order."""

from pathlib import Path

from alembic.script import ScriptDirectory

from models import migrations


def test_revisions_are_one_line_numbered_as_their_files_are() -> None:
    script = ScriptDirectory.from_config(migrations.config())
    files = sorted((Path(migrations.__file__).parent / "versions").glob("[0-9]*.py"))
    line = [revision.revision for revision in script.walk_revisions()][::-1]
    assert line == [file.name[:4] for file in files]
    assert len(script.get_heads()) == 1
