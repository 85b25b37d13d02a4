module contour.example/conformance

go 1.26.0

require contour.example/harness v0.0.0-00010101000000-000000000000

replace contour.example/harness => ../harness

require contour.example/contour v0.0.0-00010101000000-000000000000

replace contour.example/contour => ../contour

require contour.example/envoybootstrap v0.0.0-00010101000000-000000000000

replace contour.example/envoybootstrap => ../envoybootstrap
