"""The visible length of an answer: evidence that its recorded output is a streaming placeholder (accounting rule 3).

A block is a text or a tool call. Blocks of one answer are kept as bytes, eight for each block in the order of their
keys: a 32-bit key, so that copies of a block are one, and its length in characters. Bytes are compared, sent and
stored faster than anything with structure.
"""

from _struct import Struct  # struct only passes it on, and takes as long to find as to load

CHARACTERS_PER_TOKEN = 4
_BLOCKS = Struct("<II")
_LONGEST = (1 << 32) - 1
_PLACEHOLDER = 8  # the first line of a stream holds so few output tokens, or fewer
FINISHING_VERSION = (2, 1, 60)  # Claude Code writes the final stop reason and counts from here on
FINISHING_MARK = 0  # key of no real block: the line is of such a version
KEY_CHARACTERS = 80  # a text without an id is known by its first characters


def block_key(kind: str, name: str) -> int:
    """32-bit key of a block (FNV-1a over UTF-8): the same as in `_scan.c`."""
    key = 0x811C9DC5
    for byte in f"{kind}\0{name}".encode("utf-8", "replace"):
        key = ((key ^ byte) * 0x01000193) & 0xFFFFFFFF
    return key or 1


def packed_blocks(lengths: dict[int, int]) -> bytes:
    """Blocks as bytes, from key to length in characters."""
    return b"".join(_BLOCKS.pack(key, min(lengths[key], _LONGEST)) for key in sorted(lengths))


def joined_blocks(a: bytes, b: bytes) -> bytes:
    """Blocks of two copies of an answer; a block of both counts once, with its larger length."""
    lengths = dict(_BLOCKS.iter_unpack(a))
    for key, length in _BLOCKS.iter_unpack(b):
        lengths[key] = max(length, lengths.get(key, 0))
    return packed_blocks(lengths)


def visible_tokens(blocks: bytes) -> int:
    """Tokens that the visible content of an answer has at least."""
    characters = 0
    for _, length in _BLOCKS.iter_unpack(blocks):
        characters += length
    return characters // CHARACTERS_PER_TOKEN


def is_unfinished(blocks: bytes, output: int) -> bool:
    """Test whether the recorded output of an answer without a stop reason is a placeholder.

    It is where more than twice as much is visible; or where a version that always writes the final count left only
    the few tokens of a stream's first line.
    """
    if not blocks:
        return False
    is_marked = blocks[:4] == b"\0\0\0\0"
    return visible_tokens(blocks) > 2 * output + 20 or (is_marked and output <= _PLACEHOLDER)


def missing_output(blocks: bytes, output: int) -> int:
    """Output tokens that an unfinished answer lacks at least."""
    return max(0, visible_tokens(blocks) - output)
