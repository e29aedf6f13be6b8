"""What is measured of a stream of characters: the same as of texts, of each of its lines or blocks."""

from trainloud.data.measure.text import measure

__all__ = ["measure"]
