"""What is wrong with a filter."""


class FilterError(Exception):
    """An expression that cannot be read, or does not fit the rows; the message is that of a real agent."""
