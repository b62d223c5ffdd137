"""`mixer preview`: a layout in its developer's browser, with a simulated conference around it."""
