"""What builds are made of, as values: never touches the disk."""
