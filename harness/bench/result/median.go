package result

import "slices"

// Median makes one size of several runs of the same: of each figure the median, of a distribution those of its
// median and of its tail, and the highest maximum. A failure in any run stays one.
func Median(runs []Size) Size {
	if len(runs) == 1 {
		return runs[0]
	}
	var order []Key
	byKey := map[Key][]Measure{}
	for _, run := range runs {
		for _, m := range run.Measures {
			if byKey[m.Key()] == nil {
				order = append(order, m.Key())
			}
			byKey[m.Key()] = append(byKey[m.Key()], m)
		}
	}
	merged := Size{N: runs[0].N, API: runs[0].API}
	for _, k := range order {
		merged.Measures = append(merged.Measures, merge(byKey[k]))
	}
	return merged
}

// merge makes one measure of at least one.
func merge(measures []Measure) Measure {
	m := measures[0]
	if m.Error != "" {
		return m
	}
	values := values(measures, func(m Measure) float64 { return m.Value })
	m.Value = middle(values)
	m.Range = &Range{Low: values[0], High: values[len(values)-1], Runs: len(values)}
	if m.Spread == nil {
		return m
	}
	spread := Spread{P99: middle(spreads(measures, func(s Spread) float64 { return s.P99 }))}
	for _, other := range measures {
		if other.Spread != nil {
			spread.Max = max(spread.Max, other.Spread.Max)
			spread.Samples += other.Spread.Samples
		}
	}
	m.Spread = &spread
	return m
}

// values are sorted.
func values(measures []Measure, of func(Measure) float64) []float64 {
	var v []float64
	for _, m := range measures {
		v = append(v, of(m))
	}
	slices.Sort(v)
	return v
}

// spreads are sorted, of the measures that are distributions.
func spreads(measures []Measure, of func(Spread) float64) []float64 {
	var v []float64
	for _, m := range measures {
		if m.Spread != nil {
			v = append(v, of(*m.Spread))
		}
	}
	slices.Sort(v)
	return v
}

// middle is the median of sorted values, at least one.
func middle(sorted []float64) float64 {
	n := len(sorted)
	return round((sorted[(n-1)/2] + sorted[n/2]) / 2)
}
