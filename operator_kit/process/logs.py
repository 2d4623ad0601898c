"""The log of an operator: a line of JSON for each event where programs read it, colours where a person does."""

import sys

import structlog


def configure_logging(*, human: bool | None = None) -> None:
    """Set up structlog for the whole process; lines go to stderr.

    Args:
        human: whether people read it; None finds out by whether stderr is a terminal.
    """
    if human is None:
        human = sys.stderr.isatty()
    # The renderer for people shows exceptions itself, and better than as a text inside a line.
    rendering: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
        if human
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S" if human else "iso", utc=not human),
            *rendering,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
