"""`mixer check`: plays a standard script through the real renderer and says what is wrong."""
