module github.com/tram-exchange/tram

go 1.26
