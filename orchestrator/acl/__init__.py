"""Who may do what: the policy language, permissions compiled from policies, tokens, and who a request comes from.

`capabilities` declares the vocabulary, `policy` reads policies, `permissions` compiles them into the checks that routes make,
`resolver` turns the secret of a request into a caller, `policies` and `tokens` make the changes.
"""
