"""A small corpus in the format of the real one: what is liked and what is not can be told by one word."""

import numpy as np

from lowland.tasks.text.worlds import WORLDS

GOOD, BAD = ("great", "lovely", "superb", "fine"), ("awful", "dull", "boring", "poor")
THINGS = ("film", "story", "cast", "ending", "score", "camera")


def write_corpus(folder, *, texts=240, worlds=tuple(WORLDS)):
    """Writes the files of some worlds; two texts of each document where the world has documents."""
    folder.mkdir(parents=True, exist_ok=True)
    for place, name in enumerate(worlds):
        world, source = WORLDS[name], np.random.default_rng(place)
        lines = []
        for number in range(texts):
            liked = number % 2 == 0
            words = [str(source.choice(THINGS)) for _ in range(int(source.integers(2, 9)))]
            words.insert(int(source.integers(0, len(words) + 1)), str(source.choice(GOOD if liked else BAD)))
            rating = (1 if liked else -1) * float(source.uniform(1, 3))
            identity = f"{number // 4 + 1}_{number % 4 + 1}" if world.has_documents else str(number + 1)
            lines.append(f"{identity}\t{rating:.4f}\tThe {' '.join(words)} of the {name}{number} .\r\n")
        (folder / world.file).write_text("".join(lines), encoding="utf-8", newline="")
    return folder
