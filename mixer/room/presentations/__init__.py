"""Files that are presented in a room: asked for (routes.py), converted, kept (shelf.py)."""
