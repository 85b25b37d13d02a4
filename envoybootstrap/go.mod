module contour.example/envoybootstrap

go 1.26.0
