"""Short texts whose writers like or dislike what they write about."""

from lowland.tasks.text.options import SentimentOptions
from lowland.tasks.text.task import Sentiment

__all__ = ["Sentiment", "SentimentOptions"]
