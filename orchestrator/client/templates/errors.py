"""The one error of templates."""


class TemplateError(Exception):
    """A template that cannot be read or carried out; the text names the line where it can."""
