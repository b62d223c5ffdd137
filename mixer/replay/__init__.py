"""A recording plays into a room again (docs/replay.md). `script.py` says what, `reader.py` reads
ahead, `player.py` has the clock, `company.py` and `robot.py` are who is in the room, `outlet.py` is
one robot's camera or microphone; frames leave through mixer/publish. `Replay` (replay.py) puts them
together, `command.py` is the command line."""
