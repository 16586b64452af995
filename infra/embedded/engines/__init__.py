"""One module an engine on demand; each says which class it is by `ENGINE`."""
