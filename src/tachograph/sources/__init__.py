"""The outside world, one file each: bytes in, values and problems out."""
