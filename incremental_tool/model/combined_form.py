"""Stub."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Callable, NamedTuple, Union
else:
    from incremental_tool.base.named_tuple import NamedTuple


class Prepared(NamedTuple):
    body: bytes
    needs: bytes


class Form(NamedTuple):
    name: str
    leader: str
    version: int
    prepare: Callable[[bytes, bytes], Union[Prepared, str]]
    head: Callable[[Sequence[bytes]], Union[bytes, str]]


def _p(path: bytes, text: bytes) -> Union[Prepared, str]:
    return Prepared(text, b"")


def _h(needs: Sequence[bytes]) -> Union[bytes, str]:
    return b""


FORMS = {"text": Form("text", ";", 1, _p, _h)}
