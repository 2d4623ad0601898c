module benchmarks/kreconciler

go 1.21

require github.com/koyeb/kreconciler v1.5.0
