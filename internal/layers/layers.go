// Package layers holds no code: its test keeps the layer rule of the README by reading the import graph.
package layers
