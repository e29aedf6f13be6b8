"""Numbers in words, as every room says them."""


def plural(count: int, one: str, many: str = "") -> str:
    """ "1 column", "3,000 columns", "2 classes"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
