"""The objects that every framework gets: specs of about 600 bytes, of words as people write them, each its own."""

import random
from typing import Any, Final

_SYLLABLES: Final = "ka lo mi ren sta vor el dun pra tis gor na fel bri sum ta qui per zan wo".split()


def spec(number: int) -> dict[str, Any]:
    """The spec of that number: always the same, and like no other."""
    source = random.Random(number)

    def words(count: int) -> str:
        return " ".join("".join(source.choices(_SYLLABLES, k=source.randint(1, 3))) for _ in range(count))

    return {
        "title": words(4),
        "description": words(64),
        "image": f"registry.example/{words(1)}/{words(1)}:{source.randint(1, 9)}.{source.randint(0, 30)}",
        "replicas": source.randint(1, 9),
        "enabled": source.random() < 0.9,
        "hosts": [f"{words(1)}.example" for _ in range(3)],
        "round": "0",
    }
