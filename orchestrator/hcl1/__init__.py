"""HCL, first edition: the language of ACL policies and of agent configuration.

Job files are written in HCL 2, these two never moved: a block may stand on one line with others, `key = {…}` and `key {…}` are
the same, there are no expressions. A document that begins with `{` is JSON. Errors read as HashiCorp's parser prints them,
because Nomad passes its texts on to the user.
"""

from orchestrator.hcl1.nodes import Item, Literal, Node, Object, Position, Sequence, SyntaxFailure
from orchestrator.hcl1.parser import parse

__all__ = ["Item", "Literal", "Node", "Object", "Position", "Sequence", "SyntaxFailure", "parse"]
