"""Templates: Go's `text/template` language with the functions of consul-template, and the files made of them.

`syntax` reads a text into a `tree`, `evaluation` walks it, `functions` is what it may call, `render` decides what to look up.
"""

from orchestrator.client.templates.errors import TemplateError
from orchestrator.client.templates.render import Dependency, Lookup, Rendering, TemplateText

__all__ = ["Dependency", "Lookup", "Rendering", "TemplateError", "TemplateText"]
