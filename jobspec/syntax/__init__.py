"""HCL text -> syntax tree."""
