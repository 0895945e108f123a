package numbering

import (
	"context"
	"fmt"
)

// NextFree finds the least number whose stream is empty: 1, or the one after the last that is taken. As numbers have no gaps, it
// gallops away from the hint and then halves what is left, asking about 2·log2 of the distance. hint is any number, best the one that
// was free when last asked; it decides how much is asked, never what is answered. Between the answer and the taking another may take
// the number; then the taking is refused, and the next is tried.
func NextFree(ctx context.Context, exists func(ctx context.Context, n int) (bool, error), hint int) (int, error) {
	taken, free := 0, Max+1 // taken: the greatest number known to be taken; free: the least known to be free
	ask := func(n int) (bool, error) {
		if err := ctx.Err(); err != nil {
			return false, fmt.Errorf("couldn't find a free number: %w", err)
		}
		yes, err := exists(ctx, n)
		if err != nil {
			return false, fmt.Errorf("couldn't find a free number: %w", err)
		}
		if yes {
			taken = n
		} else {
			free = n
		}
		return yes, nil
	}
	at := min(max(hint, 1), Max)
	up, err := ask(at)
	if err != nil {
		return 0, err
	}
	for step := 1; taken+1 < free; step *= 2 {
		next := at - step
		if up {
			next = at + step
		}
		if next < 1 || next > Max {
			break
		}
		yes, err := ask(next)
		if err != nil {
			return 0, err
		}
		if yes != up {
			break
		}
	}
	for taken+1 < free {
		if _, err := ask(taken + (free-taken)/2); err != nil {
			return 0, err
		}
	}
	if free > Max {
		return 0, &Refusal{Reason: ReasonFull}
	}
	return free, nil
}
