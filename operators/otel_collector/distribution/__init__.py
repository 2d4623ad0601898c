"""The collector that the operator is developed, tested and demonstrated with, built from pinned Go modules.

`manifest.yaml` names the components and is the input of the official OpenTelemetry Collector Builder; `go.mod` and
`go.sum` pin every module below them; `build.py` makes the binary, `image.py` a local Docker image of it.
"""
