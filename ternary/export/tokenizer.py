"""A tokenizer that is no more than bytes: token 65 is byte 65, the letter A.

Transformers and llama.cpp write the bytes of a byte-level vocabulary as printable characters, the
way that GPT-2 did: a byte that prints stands for itself, and the other 68, in their order, for the
characters from U+0100 on. With those 256 tokens and no merges, their tokenizers turn a text into
its UTF-8 bytes and nothing else.
"""

from __future__ import annotations

from typing import Any

PRINTABLE = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}


def byte_tokens() -> list[str]:
    r"""The 256 tokens in the order of the bytes they stand for.

    Notes
    -----
    Radford et al. (2019), GPT-2; its function is `bytes_to_unicode` in Transformers.

    Examples
    --------
    >>> tokens = byte_tokens()
    >>> tokens[ord("A")], tokens[ord(" ")], tokens[ord("\n")], len(set(tokens))
    ('A', 'Ġ', 'Ċ', 256)
    """
    others = [byte for byte in range(256) if byte not in PRINTABLE]
    return [chr(b if b in PRINTABLE else 256 + others.index(b)) for b in range(256)]


def tokenizer_files(context: int) -> dict[str, Any]:
    """``tokenizer.json`` and ``tokenizer_config.json``, from which `AutoTokenizer` makes it."""
    byte_level: dict[str, Any] = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": False,
        "use_regex": False,
    }
    tokenizer: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: byte for byte, token in enumerate(byte_tokens())},
            "merges": [],
        },
    }
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_max_length": context,
    }
    return {"tokenizer.json": tokenizer, "tokenizer_config.json": settings}
