module worlds

go 1.18
