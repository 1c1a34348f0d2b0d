module max-age

go 1.24
