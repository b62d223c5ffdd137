"""`mixer serve`: the REST interface, rooms, recorders, webhooks and dashboard of one machine."""
