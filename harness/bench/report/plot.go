package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"contour.example/harness/bench/result"
)

// The plot's size and that of the area between its axes, in pixels.
const (
	width, height            = 380, 230
	left, right, top, bottom = 52, 368, 14, 196
)

// logRatio is how many times the lowest value the highest must be for a logarithmic axis of values.
const logRatio = 20

// plot is one measure over N.
type plot struct {
	Title, Unit            string
	Width, Height          int
	Left, Right, Top, Base float64
	X, Y                   []tick
	Lines                  []line
}

// tick is a mark of an axis.
type tick struct {
	At   float64
	Text string
}

// line is one series; Class is a or b by report, and tail if it is the 99th percentile.
type line struct {
	Name, Class string
	Points      string
	Dots        []dot
}

// dot is a point with its label.
type dot struct {
	X, Y float64
	Text string
}

// sample is one value of a series.
type sample struct {
	n     int
	value float64
}

// series is a line without a position.
type series struct {
	name, class string
	samples     []sample
}

// draw makes the plot of a measure, or nothing for one that is always 0: that is in the table only.
func draw(k result.Key, all []measured) (plot, bool) {
	drawn := collect(k, all)
	sizes, values := extent(drawn)
	if len(values) == 0 || values[len(values)-1] <= 0 || len(sizes) < 2 {
		return plot{}, false
	}
	p := plot{Title: k.Name, Width: width, Height: height, Left: left, Right: right, Top: top, Base: bottom}
	x := logScale(float64(sizes[0]), float64(sizes[len(sizes)-1]), left, right)
	y, ticks := valueAxis(values)
	for _, n := range sizes {
		p.X = append(p.X, tick{x(float64(n)), thousands(n)})
	}
	p.Y = ticks
	for _, m := range all {
		if unit := m.Unit(k); unit != "" {
			p.Unit = unit
		}
	}
	for _, s := range drawn {
		p.Lines = append(p.Lines, s.place(x, y, p.Unit))
	}
	return p, true
}

// collect finds the series of a measure: of a distribution the median and the tail.
func collect(k result.Key, all []measured) []series {
	var found []series
	for _, m := range all {
		value := series{name: m.name, class: m.class}
		tail := series{name: m.name + ", p99", class: m.class + " tail"}
		for _, size := range m.Runs {
			one := size.Find(k)
			if one == nil {
				continue
			}
			value.samples = append(value.samples, sample{size.N, one.Value})
			if one.Spread != nil {
				value.name = m.name + ", p50"
				tail.samples = append(tail.samples, sample{size.N, one.Spread.P99})
			}
		}
		for _, s := range []series{value, tail} {
			if len(s.samples) > 0 {
				slices.SortStableFunc(s.samples, func(a, b sample) int { return a.n - b.n })
				found = append(found, s)
			}
		}
	}
	return found
}

// extent is the different sizes and all values, sorted.
func extent(all []series) (sizes []int, values []float64) {
	for _, s := range all {
		for _, one := range s.samples {
			sizes, values = append(sizes, one.n), append(values, one.value)
		}
	}
	slices.Sort(sizes)
	slices.Sort(values)
	return slices.Compact(sizes), values
}

// scale maps a value to its position in the picture.
type scale func(float64) float64

func logScale(low, high, from, to float64) scale {
	l, h := math.Log(low), math.Log(high)
	return func(v float64) float64 { return from + (math.Log(v)-l)/(h-l)*(to-from) }
}

// valueAxis is logarithmic where small and large values would not be visible together, and otherwise begins at 0.
func valueAxis(sorted []float64) (scale, []tick) {
	low, high := sorted[0], sorted[len(sorted)-1]
	if low > 0 && high/low >= logRatio {
		return logAxis(low, high)
	}
	step := tickStep(high / 4)
	end := step * math.Ceil(high/step)
	y := func(v float64) float64 { return bottom + v/end*(top-bottom) }
	var ticks []tick
	for i := 0; float64(i)*step <= end+step/2; i++ {
		v := float64(i) * step
		ticks = append(ticks, tick{y(v), label(v)})
	}
	return y, ticks
}

// logAxis goes from power of ten to power of ten.
func logAxis(low, high float64) (scale, []tick) {
	from, to := math.Floor(math.Log10(low)), math.Ceil(math.Log10(high))
	y := logScale(math.Pow(10, from), math.Pow(10, to), bottom, top)
	var ticks []tick
	for e := from; e <= to; e++ {
		v := math.Pow(10, e)
		ticks = append(ticks, tick{y(v), label(v)})
	}
	return y, ticks
}

// tickStep is the next of 1, 2 and 5 times a power of ten.
func tickStep(least float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, f := range []float64{1, 2, 5} {
		if f*power >= least*0.999 {
			return f * power
		}
	}
	return 10 * power
}

// label is short: 25k instead of 25000.
func label(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%gM", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%gk", v/1e3)
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

func (s series) place(x, y scale, unit string) line {
	l := line{Name: s.name, Class: s.class}
	var points []string
	for _, one := range s.samples {
		d := dot{
			X: tenth(x(float64(one.n))), Y: tenth(y(one.value)),
			Text: fmt.Sprintf("%s, N = %s: %s %s", s.name, thousands(one.n), result.Number(one.value), unit),
		}
		l.Dots = append(l.Dots, d)
		points = append(points, fmt.Sprintf("%g,%g", d.X, d.Y))
	}
	l.Points = strings.Join(points, " ")
	return l
}

// tenth keeps one decimal: pixels are not more precise.
func tenth(v float64) float64 { return math.Round(v*10) / 10 }
