"""The OpenTelemetry Collector operator: a collector declared as a resource becomes a running, healthy Nomad job."""
