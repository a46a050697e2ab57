"""Bytes, digests and files: what every layer above stands on."""
