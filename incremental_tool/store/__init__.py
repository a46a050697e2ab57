"""The caches on disk: memories, never authorities."""
