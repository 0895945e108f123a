package portal

// columnChart is a table of figures as rectangles in the units of its viewBox; the page draws them without any script, and each is a
// link to what it counts.
type columnChart struct {
	Width, Height int
	Base          int
	Lines         []chartLine
	Groups        []columnGroup
}

// columnGroup is one row of the table.
type columnGroup struct {
	Name   string
	Label  string // "" when there is no room
	X      int
	Middle int
	Width  int
	Bars   []columnBar
}

type columnBar struct {
	figure
	Class          string
	X, Y, Width, H int
	Reach, ReachH  int // what a finger may touch: the height of the drawing, or of the bar where others stand on it
}

// chartWidth is the width of a chart's drawing, in its own units.
const chartWidth = 480

// newColumnChart lays out one group for each row. At most twelve labels are written.
func newColumnChart(t figureTable, stacked bool) columnChart {
	const left, top, base = 34, 10, 170
	c := columnChart{Width: chartWidth, Height: base + 24, Base: base}
	most := 1
	for _, r := range t.Rows {
		sum := 0
		for _, f := range r.Cells {
			sum += f.N
			if !stacked {
				most = max(most, f.N)
			}
		}
		if stacked {
			most = max(most, sum)
		}
	}
	step := niceStep(most)
	limit := step * ((most + step - 1) / step)
	y := func(n int) int { return base - (base-top)*n/limit }
	for n := 0; n <= limit; n += step {
		c.Lines = append(c.Lines, chartLine{y(n), n})
	}
	if len(t.Rows) == 0 {
		return c
	}
	group := (chartWidth - left) / len(t.Rows)
	every := (len(t.Rows) + 11) / 12
	for i, r := range t.Rows {
		g := columnGroup{Name: r.Name, X: left + i*group, Middle: left + i*group + group/2, Width: group}
		if i%every == 0 {
			g.Label = r.Name
		}
		room := max(group*8/10, 1)
		if len(g.Label) > 5 && group < 44 {
			g.Label = g.Label[:2] // the month alone
		}
		width := min(room/len(r.Cells), 26)
		if stacked {
			width = min(room, 30)
		}
		width = max(width, 1)
		x, below := g.Middle-width*len(r.Cells)/2, base
		if stacked {
			x = g.Middle - width/2
		}
		for j, f := range r.Cells {
			bar := columnBar{figure: f, Class: t.Columns[j].Class, X: x, Width: max(width-1, 1)}
			if stacked {
				height := base - y(f.N)
				bar.Y, bar.H = below-height, height
				bar.Reach, bar.ReachH = bar.Y, bar.H
				below -= height
			} else {
				bar.Y, bar.H = y(f.N), base-y(f.N)
				bar.Reach, bar.ReachH = top, base-top
				x += width
			}
			g.Bars = append(g.Bars, bar)
		}
		c.Groups = append(c.Groups, g)
	}
	return c
}
